// A worker of many-databases.ts: claims over all servers, in its name, and runs what it claims to its end.

import { setTimeout as sleep } from 'node:timers/promises'
import { type FlowRun, renewLeases, setFlowRunState, type StateType, WorkQueueError } from 'kysely-work-queues'
import { claimOverServers, type Server } from './claim-over-servers.js'

interface Settings {
  readonly holder: string
  readonly workPoolIds: readonly string[]
  /** How many runs it works on at once. */
  readonly capacity: number
  readonly leaseSeconds: number
  /** How long a run takes, in milliseconds. */
  readonly workOf: (run: FlowRun) => number
}

/** What workers note of what they do, to be compared with what the databases say. */
export interface Journal {
  /** The state of each claim that was answered. */
  readonly claims: { readonly server: string; readonly stateId: string | null }[]
  /** The work itself, from when to when. */
  readonly works: { readonly id: string; readonly from: number; to: number }[]
  /** Calls that a server did not answer, by its name. */
  readonly unanswered: Map<string, number>
  /** Runs that were let go since their lease had ended. */
  letGo: number
}

/** How long a server that has failed is left alone, in milliseconds. */
const REST = 200

/** A run that the worker works on. */
class Held {
  readonly server: Server
  readonly #abort = new AbortController()
  #timer: NodeJS.Timeout | undefined

  constructor(server: Server) {
    this.server = server
  }

  /** Is aborted when the run is not the worker's any more. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** A lease counts from when it was asked for, so that it ends here before it ends in the database. */
  keep(until: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.drop(), until - Date.now())
  }

  drop(): void {
    clearTimeout(this.#timer)
    this.#abort.abort()
  }
}

/** Works until it is told to stop, and then ends what it has begun. */
export async function runWorker(
  servers: readonly Server[],
  settings: Settings,
  journal: Journal,
  stop: AbortSignal,
): Promise<void> {
  const { holder, workPoolIds, capacity, leaseSeconds, workOf } = settings
  const mine = new Map<string, Held>()
  const restingUntil = new Map<string, number>()
  const lease = leaseSeconds * 1000

  const note = ({ name }: Pick<Server, 'name'>): void => {
    journal.unanswered.set(name, (journal.unanswered.get(name) ?? 0) + 1)
    restingUntil.set(name, Date.now() + REST)
  }

  /** Renews what it works on, and nothing else: a claim whose answer was lost must not be kept alive. */
  const renewOn = async (server: Server): Promise<void> => {
    const flowRunIds = [...mine].flatMap(([id, held]) => (held.server === server ? [id] : []))
    if (flowRunIds.length === 0) return
    const asked = Date.now()
    try {
      const { held, cancelling, lost } = await renewLeases(server.db, holder, { leaseSeconds, flowRunIds })
      for (const id of held) mine.get(id)?.keep(asked + lease)
      for (const id of [...cancelling, ...lost]) mine.get(id)?.drop()
    } catch {
      note(server)
    }
  }
  const renewing = (async () => {
    while (!stop.aborted || mine.size > 0) {
      await Promise.all(servers.map(renewOn))
      await sleep(lease / 3)
    }
  })()

  while (!stop.aborted) {
    const up = servers.filter(({ name }) => (restingUntil.get(name) ?? 0) <= Date.now())
    const asked = Date.now()
    const limit = capacity - mine.size
    const { claimed, failed } = await claimOverServers(up, { workPoolIds, limit, holder, leaseSeconds })
    for (const name of failed.keys()) note({ name })
    for (const { server: name, flowRun } of claimed) {
      const server = servers.find((each) => each.name === name)
      if (server === undefined) throw new Error(`there is no server ${name}`)
      journal.claims.push({ server: name, stateId: flowRun.stateId })
      const held = new Held(server)
      held.keep(asked + lease)
      mine.set(flowRun.id, held)
      void execute(held, flowRun).finally(() => {
        held.drop()
        if (mine.get(flowRun.id) === held) mine.delete(flowRun.id)
      })
    }
    await sleep(claimed.length > 0 ? 5 : 25)
  }
  await renewing

  async function execute({ server, signal }: Held, claimed: FlowRun): Promise<void> {
    /** Asks until the server answers, for a server that is down comes back. What it had done already, the state's id says. */
    const enter = async ({ id, stateId }: FlowRun, type: StateType): Promise<FlowRun | undefined> => {
      while (!signal.aborted) {
        try {
          return await setFlowRunState(server.db, id, { type }, { expectedStateId: stateId ?? undefined })
        } catch (error) {
          // The run is not in the state that we know: it is another's, or this was done, and its answer lost.
          if (error instanceof WorkQueueError) return undefined
          note(server)
          await sleep(50)
        }
      }
      journal.letGo++
      return undefined
    }
    const running = await enter(claimed, 'RUNNING')
    if (running === undefined) return
    const work = { id: claimed.id, from: Date.now(), to: Infinity }
    journal.works.push(work)
    // The work.
    await sleep(workOf(claimed), undefined, { signal }).catch(() => undefined)
    work.to = Date.now()
    await enter(running, 'COMPLETED')
  }
}
