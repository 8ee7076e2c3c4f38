import { setTimeout } from 'node:timers/promises'
import { Kysely, PostgresDialect, sql } from 'kysely'
import {
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  InvalidInputError,
  WorkQueueError,
  type WorkQueueTables,
} from 'kysely-work-queues'
import pg from 'pg'
import type { IsolationLevel } from '../processes/claimers.js'
import { randomBelow, type RandomBelow } from '../../support/random-below.js'
import { isDeadlock, isRetryable } from '../conflicts.js'
import { Choose, type Known, type MixedCall, mixedCalls, tick } from './mixed-calls.js'

export interface MixOptions {
  /** PostgreSQL's. */
  readonly url: string
  /** A session that looks on. */
  readonly db: Kysely<WorkQueueTables>
  /** Of all sessions, so that functions open their own transactions at it too. */
  readonly isolation: IsolationLevel
  readonly sessions: number
  /** For how long. Each session makes every call at least once, however long that takes. */
  readonly seconds: number
  readonly seed: number
}

/** What came of a mix. */
export interface MixResult {
  /** How many calls of each function did what they were asked to. */
  readonly done: Record<string, number>
  /** How many calls ended in an error of the library's own: something was gone, or a name was taken. */
  refused: number
  /** How many calls PostgreSQL asked to be tried again, deadlocks aside. */
  conflicts: number
  /** Each with what its sessions were sent last. */
  readonly deadlocks: string[]
  /** Errors that no call may end in. */
  readonly errors: string[]
  /** Rows that cannot be, at the end. */
  wrong: string[]
}

/**
 * Several sessions make all calls over and over, in a random order, about the same rows. Half of the calls are in a
 * transaction of the host's. What PostgreSQL asks to be tried again is tried again.
 */
export async function mix(options: MixOptions): Promise<MixResult> {
  const { db, url, isolation, seed } = options
  const done = Object.fromEntries(Object.keys(mixedCalls).map((name) => [name, 0]))
  const result: MixResult = { done, refused: 0, conflicts: 0, deadlocks: [], errors: [], wrong: [] }
  await arrange(db)
  const end = AbortSignal.timeout(1000 * options.seconds)
  let known: Known = await readKnown(db)
  const watch = async (): Promise<void> => {
    while (!end.aborted) {
      await setTimeout(50)
      known = await readKnown(db)
    }
  }
  /** The last statements that each session was sent, with the call that sent them, by the server's process. */
  const doing = new Map<number, string>()
  const connectionOptions = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`
  const session = async (n: number): Promise<void> => {
    const pool = new pg.Pool({ connectionString: url, options: connectionOptions, max: 1 })
    // A server that is stopped may tell a connection that is being closed; without a listener, that ends the process.
    pool.on('error', () => {})
    const host = new Kysely<WorkQueueTables>({ dialect: new PostgresDialect({ pool }) })
    let current = ''
    pool.on('connect', (client) => watchStatements(client, (statement) => `${current}: ${statement}`, doing))
    const below = randomBelow(seed + 7919 * n)
    const attempt = async (name: string, call: MixedCall): Promise<boolean> => {
      const choose = new Choose(below, known)
      const isOwn = below(2) === 0
      current = isOwn ? name : `${name} in a transaction`
      try {
        if (isOwn) await call(host, choose)
        else await host.transaction().execute((trx) => call(trx, choose))
        done[name] = (done[name] ?? 0) + 1
        return true
      } catch (error) {
        return isSettled(result, name, error, doing)
      }
    }
    for (let round = 0; round === 0 || !end.aborted; round++) {
      // In every second round each session makes the calls in an order of its own; else all make the same ones at a time.
      const order = round % 2 === 0 ? randomBelow(seed + round) : below
      for (const [name, call] of shuffle([...Object.entries(mixedCalls), ['a tick', tick] as const], order)) {
        let isOver = round > 0 && end.aborted
        while (!isOver) isOver = await attempt(name, call)
      }
    }
    await host.destroy()
  }
  const sessions = Promise.all(Array.from({ length: options.sessions }, (_, n) => session(n)))
  await Promise.all([watch(), sessions])
  result.wrong = await findWrongRows(db)
  return result
}

/** Counts an error. Says whether there is nothing to try again. */
function isSettled(result: MixResult, name: string, error: unknown, doing: ReadonlyMap<number, string>): boolean {
  const isOurs = error instanceof WorkQueueError
  if (isDeadlock(error)) result.deadlocks.push(describeDeadlock(error, doing))
  else if (isRetryable(error)) result.conflicts++
  else if (isOurs && !(error instanceof InvalidInputError)) result.refused++
  else result.errors.push(`${name}: ${String(error)}`)
  return !isRetryable(error)
}

/** Keeps the last statements that a connection was sent. */
function watchStatements(
  client: pg.PoolClient,
  describe: (statement: string) => string,
  doing: Map<number, string>,
): void {
  const { processID } = client as unknown as { processID: number }
  // The victim has already been told to roll back.
  let statements: string[] = []
  const send = client.query.bind(client) as (...query: unknown[]) => unknown
  client.query = ((...query: unknown[]) => {
    const [text] = query
    const statement = typeof text === 'string' ? text.replace(/\s+/g, ' ').trim() : 'another kind of query'
    statements = [...statements.slice(-2), describe(statement)]
    doing.set(processID, statements.join(' / '))
    return send(...query)
  }) as typeof client.query
}

/** Who waited for whom, and with which statement. PostgreSQL tells the processes alone. */
function describeDeadlock(error: unknown, doing: ReadonlyMap<number, string>): string {
  const detail = String((error as { detail?: unknown }).detail)
  return detail.replace(
    /^Process (\d+)/gm,
    (process, id) => `${process} (${doing.get(Number(id)) ?? 'of nobody here'})`,
  )
}

function shuffle<T>(values: readonly T[], below: RandomBelow): T[] {
  const shuffled = [...values]
  for (let n = shuffled.length - 1; n > 0; n--) {
    const other = below(n + 1)
    ;[shuffled[n], shuffled[other]] = [shuffled[other] as T, shuffled[n] as T]
  }
  return shuffled
}

/** So that the first calls find something. */
async function arrange(db: Kysely<WorkQueueTables>): Promise<void> {
  for (const n of [0, 1]) {
    const pool = await createWorkPool(db, { name: `pool ${n}`, type: 'process', concurrencyLimit: 5 })
    const { id } = await createWorkQueue(db, { name: `queue ${n}`, workPoolId: pool.id, concurrencyLimit: 3 })
    await createFlowRuns(
      db,
      Array.from({ length: 20 }, () => ({ workQueueId: id })),
    )
  }
}

async function readKnown(db: Kysely<WorkQueueTables>): Promise<Known> {
  const pools = await db.selectFrom('work_pool').select('id').execute()
  const queues = await db.selectFrom('work_queue').select('id').execute()
  const runs = await db.selectFrom('flow_run').select('id').orderBy('id', 'desc').limit(60).execute()
  const [poolIds, queueIds, runIds] = [pools, queues, runs].map((rows) => rows.map(({ id }) => id))
  return { pools: poolIds ?? [], queues: queueIds ?? [], runs: runIds ?? [] }
}

/** What no mix may leave behind. */
async function findWrongRows(db: Kysely<WorkQueueTables>): Promise<string[]> {
  const { rows } = await sql<{ wrong: string }>`
    select 'priority ' || priority || ' of ' || work_pool_id as wrong
    from work_queue group by work_pool_id, priority having count(*) > 1 or priority < 1
    union all
    select 'name ' || name || ' of ' || work_pool_id from work_queue group by work_pool_id, name having count(*) > 1
    union all
    select 'default queue of ' || pool.id from work_pool as pool where not exists (
      select 1 from work_queue as queue where queue.id = pool.default_queue_id and queue.work_pool_id = pool.id)
    union all
    select 'queue of run ' || run.id from flow_run as run where work_queue_id is not null and not exists (
      select 1 from work_queue as queue where queue.id = run.work_queue_id)
    union all
    select 'state of run ' || run.id from flow_run as run where not exists (
      select 1 from flow_run_state as state
      where state.id = run.state_id and state.flow_run_id = run.id
        and state.type = run.state_type and state.name = run.state_name)
  `.execute(db)
  return rows.map(({ wrong }) => wrong)
}
