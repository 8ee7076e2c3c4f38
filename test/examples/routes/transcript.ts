/** Sends a request, and returns its answer; one without a body has `undefined`. */
export type Send = (method: string, path: string, body?: unknown) => Promise<{ status: number; body: any }>

/** Sends a request, and returns the body of its answer. */
type Ask = (method: string, path: string, body?: unknown) => Promise<any>

/** What is sent to a server, in order. */
export interface Scenario {
  readonly title: string
  readonly play: (stage: Stage) => Promise<void>
}

interface Stage {
  readonly send: Ask
  /** Sends what is only needed for what follows, and is not compared. */
  readonly prepare: Ask
  /** A flow that the server knows. */
  readonly flow_id: string
}

/** A request and its answer, with ids and times by what they are. */
export interface Exchange {
  readonly request: string
  readonly body?: unknown
  readonly status: number
  readonly answer?: unknown
}

const UUID = /[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}/gi
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/

/** Times that a server counts anew for each answer, which the library's runs have not, and pydantic's own words about a word. */
const LEFT_OUT = new Set(['total_run_time', 'estimated_run_time', 'estimated_start_time_delta', 'ctx'])
/**
 * What is only in the words: a text that Prefect forgot to fill in, a full stop and quotes that only some of its messages have, the
 * name of a class of Python's, the letter at which an id is none.
 */
function inOtherWords(text: string): string {
  return text
    .replace(' in work pool {work_pool_name!r}', '')
    .replace(/(?<=with id .* not found)\.$/, '')
    .replace(/^Work pool "(.*)" not found\.$/, "Work pool '$1' not found.")
    .replaceAll('StateType.', '')
    .replace(/(?<=a valid UUID),.*/, '')
}

/** Of a run that a pool's poll finds, Prefect shows neither the state nor the queue's name, whichever they are. */
const NOT_IN_POLLS = new Set(['state', 'work_queue_name'])

const DURATIONS = new Set(['time_in_current_state', 'delay_seconds'])

/** Plays a scenario, and returns what was asked and answered. */
export async function transcribe({ play }: Scenario, send: Send, flowId: string): Promise<Exchange[]> {
  const names = new Map<string, string>([[flowId.toLowerCase(), 'the flow']])
  const exchanges: Exchange[] = []
  const nameIds = (text: string): string =>
    text.replace(UUID, (id) => {
      const key = id.toLowerCase()
      // Ids that a scenario made up stay as they are.
      if (key.startsWith('00000000')) return id
      if (!names.has(key)) names.set(key, `id ${names.size}`)
      return names.get(key) ?? ''
    })
  const simplify = (value: unknown, key = ''): unknown => {
    if (typeof value === 'number' && DURATIONS.has(key)) return 'a duration'
    if (typeof value === 'string') return TIME.test(value) ? 'a time' : nameIds(inOtherWords(value))
    // Prefect stores no variables as null, if the run has an idempotency key, and else as none.
    if (value === null && key === 'job_variables') return {}
    if (Array.isArray(value)) return value.map((member) => simplify(member))
    if (typeof value !== 'object' || value === null) return value
    const members = Object.entries(value).filter(
      // Of a state's details most say nothing.
      ([name, member]) =>
        !LEFT_OUT.has(name) &&
        (key !== 'state_details' || (member !== null && member !== false)) &&
        (key !== 'flow_run' || !NOT_IN_POLLS.has(name)),
    )
    // Ids are named in the order of the keys, whatever the order in which a server writes them.
    return Object.fromEntries(
      members.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, member]) => [name, simplify(member, name)]),
    )
  }
  const prepare: Ask = async (...request) => (await send(...request)).body
  await play({
    prepare,
    flow_id: flowId,
    async send(method, path, body) {
      const { status, body: answer } = await send(method, path, body)
      exchanges.push({
        request: `${method} ${nameIds(path)}`,
        ...(body !== undefined && { body: simplify(body) }),
        status,
        ...(answer !== undefined && { answer: simplify(answer) }),
      })
      return answer
    },
  })
  return exchanges
}

/** Transcripts as they are kept: an exchange a line. */
export function format(transcripts: ReadonlyMap<string, readonly Exchange[]>): string {
  const lines = [...transcripts].map(
    ([title, exchanges]) =>
      `${JSON.stringify(title)}: [\n${exchanges.map((exchange) => JSON.stringify(exchange)).join(',\n')}\n]`,
  )
  return `{\n${lines.join(',\n')}\n}\n`
}
