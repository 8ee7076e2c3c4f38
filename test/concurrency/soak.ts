import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { subMilliseconds } from 'date-fns'
import { type Kysely, sql } from 'kysely'
import {
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  readFlowRuns,
  releaseStaleClaims,
  setFlowRunState,
  type WorkQueueTables,
} from 'kysely-work-queues'

/** What a claimer is started with. */
export interface ClaimerSettings {
  readonly url: string
  /** `undefined` on SQLite. */
  readonly isolation: 'read committed' | 'repeatable read' | 'serializable' | undefined
  readonly seed: number
  readonly workPoolIds: readonly string[]
  readonly workQueueIds: readonly string[]
}

/** What a soak is asked to do. */
export interface SoakOptions {
  readonly db: Kysely<WorkQueueTables>
  /** A session of the observer's own. */
  readonly observer: Kysely<WorkQueueTables>
  readonly url: string
  readonly isolation: ClaimerSettings['isolation']
  readonly runs: number
  readonly claimers: number
  readonly seed: number
  readonly onProgress?: (done: number) => void
}

/** What came of it. */
export interface SoakResult {
  /** Claims that were made: rows of state PENDING. */
  claims: number
  /** How often the observer saw more active runs than a limit allows. */
  overshoots: number
  /** How often the observer looked, and the most active runs of the limited pool that it saw. */
  observations: number
  mostActive: number
  /** Runs that were claimed again without having been given back. */
  claimedTwice: number
  /** Runs that did not reach an end. */
  lost: number
  kills: number
  /** Conflicts that claimers retried, as far as they lived to tell. */
  conflicts: number
  /** Errors that ended a claimer. */
  errors: string[]
  seconds: number
}

/** A limited pool with a queue of limit 3 and one of limit 5, and a pool without limits with one queue. */
const POOL_LIMIT = 7
const QUEUE_LIMITS = [3, 5]

/** Lets claimers in processes of their own work off many runs, kills some, and watches the limits meanwhile. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { db, observer } = options
  const started = performance.now()
  const limited = await createWorkPool(db, { name: 'limited', type: 'process', concurrencyLimit: POOL_LIMIT })
  const open = await createWorkPool(db, { name: 'open', type: 'process' })
  const queues: string[] = []
  for (const [n, concurrencyLimit] of QUEUE_LIMITS.entries()) {
    queues.push((await createWorkQueue(db, { name: `q${n}`, workPoolId: limited.id, concurrencyLimit })).id)
  }
  queues.push(open.defaultQueueId ?? '')
  await createFlowRuns(
    db,
    Array.from({ length: options.runs }, (_, n) => ({ workQueueId: queues[n % queues.length] })),
  )

  const result: SoakResult = {
    claims: 0,
    overshoots: 0,
    observations: 0,
    mostActive: 0,
    claimedTwice: 0,
    lost: 0,
    kills: 0,
    conflicts: 0,
    errors: [],
    seconds: 0,
  }
  const claimers = new Claimers({ ...options, workPoolIds: [limited.id, open.id], workQueueIds: queues }, result)
  let isDone = false
  const watching = watch(observer, queues, result, () => isDone)

  let rounds = 0
  for (;;) {
    const { rows } = await sql<{ left: number }>`
      select cast(count(*) as integer) as "left" from flow_run where state_type not in ('COMPLETED', 'CRASHED')
    `.execute(observer)
    const left = Number(rows[0]?.left)
    options.onProgress?.(options.runs - left)
    if (left === 0 || result.errors.length > 0) break
    await setTimeout(200)
    if (++rounds % 20 === 0) claimers.killOne()
    await recover(db)
  }
  isDone = true
  await watching
  await claimers.stop()
  Object.assign(result, await audit(observer, options.runs))
  result.seconds = (performance.now() - started) / 1000
  return result
}

/** What a host does about dead claimers: gives back what they had not started, and ends what they had. */
async function recover(db: Kysely<WorkQueueTables>): Promise<void> {
  const before = subMilliseconds(new Date(), 3000)
  await retrying(() => releaseStaleClaims(db, { pendingBefore: before }))
  const active = await readFlowRuns(db, { filter: { stateType: { any: ['RUNNING', 'CANCELLING'] } } })
  for (const run of active) {
    if (run.stateTimestamp !== null && run.stateTimestamp < before) {
      await retrying(() => setFlowRunState(db, run.id, { type: 'CRASHED' }))
    }
  }
}

async function retrying<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY')) throw error
    }
  }
}

/** Reads the true number of active runs, over and over, with SQL of its own. */
async function watch(
  db: Kysely<WorkQueueTables>,
  queues: readonly string[],
  result: SoakResult,
  isDone: () => boolean,
): Promise<void> {
  while (!isDone()) {
    const { rows } = await sql<{ work_queue_id: string; active: number }>`
      select work_queue_id, cast(count(*) as integer) as active from flow_run
      where state_type in ('PENDING', 'RUNNING', 'CANCELLING') group by work_queue_id
    `.execute(db)
    const active = (n: number): number => rows.find((row) => row.work_queue_id === queues[n])?.active ?? 0
    const inPool = active(0) + active(1)
    result.observations++
    result.mostActive = Math.max(result.mostActive, inPool)
    if (inPool > POOL_LIMIT || QUEUE_LIMITS.some((limit, n) => active(n) > limit)) result.overshoots++
    await setTimeout(1)
  }
}

/** Reads from the runs' states what happened to each. */
async function audit(
  db: Kysely<WorkQueueTables>,
  runs: number,
): Promise<Pick<SoakResult, 'claims' | 'claimedTwice' | 'lost'>> {
  const { rows } = await sql<{ claims: number; twice: number; ended: number }>`
    select
      (select cast(count(*) as integer) from flow_run_state where type = 'PENDING') as claims,
      (select cast(count(*) as integer) from (
        select type, lag(type) over (partition by flow_run_id order by timestamp) as before from flow_run_state
      ) as entered where type = 'PENDING' and before <> 'SCHEDULED') as twice,
      (select cast(count(*) as integer) from flow_run where state_type in ('COMPLETED', 'CRASHED')) as ended
  `.execute(db)
  const [row] = rows
  return {
    claims: Number(row?.claims),
    claimedTwice: Number(row?.twice),
    lost: runs - Number(row?.ended),
  }
}

class Claimers {
  readonly #processes: ChildProcess[] = []
  readonly #settings: ClaimerSettings
  readonly #result: SoakResult
  #started = 0

  constructor(
    { url, isolation, seed, workPoolIds, workQueueIds, claimers }: ClaimerSettings & SoakOptions,
    result: SoakResult,
  ) {
    this.#settings = { url, isolation, seed, workPoolIds, workQueueIds }
    this.#result = result
    for (let n = 0; n < claimers; n++) this.#start()
  }

  /** Kills a claimer as it is, and starts another. */
  killOne(): void {
    this.#processes.shift()?.kill('SIGKILL')
    this.#result.kills++
    this.#start()
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#processes.map(async (claimer) => {
        if (claimer.exitCode !== null || claimer.signalCode !== null) return
        const exited = new Promise((resolve) => claimer.once('exit', resolve))
        if (claimer.connected) claimer.send('stop')
        await exited
      }),
    )
  }

  #start(): void {
    const settings: ClaimerSettings = { ...this.#settings, seed: this.#settings.seed + 7919 * ++this.#started }
    const claimer = fork(fileURLToPath(new URL('claimer.js', import.meta.url)), [JSON.stringify(settings)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let error = ''
    claimer.stderr?.on('data', (text: Buffer) => (error += text.toString()))
    claimer.on('message', (message: { conflicts: number }) => (this.#result.conflicts += message.conflicts))
    claimer.on('exit', (code) => {
      if (code !== null && code !== 0) this.#result.errors.push(error)
    })
    this.#processes.push(claimer)
  }
}
