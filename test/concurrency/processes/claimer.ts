import { once } from 'node:events'
import { openSync, writeSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import { Kysely, PostgresDialect, SqliteDialect, type Transaction } from 'kysely'
import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  type FlowRun,
  FlowRunStateConflictError,
  renewLeases,
  setFlowRunState,
  type StateType,
  type WorkQueueTables,
} from 'kysely-work-queues'
import pg from 'pg'
import { randomBelow } from '../../support/random-below.js'
import { isDeadlock, isRetryable } from '../conflicts.js'
import type { ClaimerCounts, ClaimerSettings } from './claimers.js'

// A claimer as a process of its own: is told to go, claims runs in its name, starts them and finishes them, until it is told to stop,
// kills itself, or is frozen for a while. It notes each run that a claim gave it, with the state that the claim put it in, and each
// state that it put a run in.

const { url, isolation, workPoolIds, workQueueIds, journal, seed, death, holder, leaseSeconds } = JSON.parse(
  process.argv[2] ?? '',
) as ClaimerSettings
const below = randomBelow(seed)
const notes = openSync(journal, 'a')
const lease = { holder, leaseSeconds }

let statements = 0
let hasClaimed = false
const counts: ClaimerCounts = { conflicts: 0, deadlocks: 0, refused: 0 }
const db = new Kysely<WorkQueueTables>({
  dialect:
    isolation === undefined
      ? new SqliteDialect({ database: openSqlite() })
      : new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: 2 }) }),
  log: () => {
    if (death === undefined || (death.inWork && !hasClaimed) || ++statements !== death.after) return
    // At any statement, also in the middle of a transaction; on PostgreSQL half of the time while the next one is under way.
    if (isolation === undefined || below(2) === 0) die()
    else void setTimeout(below(4)).then(die)
  },
})

const stop = new AbortController()
process.on('disconnect', () => process.exit(0))
const go = once(process, 'message')
process.send?.('ready')
await go
process.on('message', () => stop.abort())
while (!stop.signal.aborted) {
  const claimed = await retrying(claim)
  hasClaimed ||= claimed.length > 0
  for (const run of claimed) note('claimed', run)
  for (const run of claimed) await work(run)
  // better-sqlite3 never waits, and messages are read only while something does.
  await setTimeout(claimed.length === 0 ? below(50) : 0)
}
await db.destroy()
process.send?.(counts)
process.disconnect()

/** Claims in one of the four ways: by queue or over pools, in a transaction of its own or of the host's. */
async function claim(): Promise<FlowRun[]> {
  const limit = below(3) === 0 ? 7 : 1 + below(4)
  const byQueue = below(2) === 0
  const workQueueId = workQueueIds[below(workQueueIds.length)] ?? ''
  const take = async (session: Kysely<WorkQueueTables>): Promise<FlowRun[]> =>
    byQueue
      ? (await claimRunsInWorkQueue(session, workQueueId, { limit, scheduledBefore: null, ...lease })).runs
      : (await claimScheduledFlowRuns(session, { workPoolIds, limit, scheduledBefore: null, ...lease })).map(
          ({ flowRun }) => flowRun,
        )
  const isOwn = isolation === undefined || isolation === 'read committed'
  return isOwn && below(2) === 0 ? await take(db) : await inTransaction(take)
}

function note(what: 'claimed' | 'entered', run: FlowRun): void {
  writeSync(notes, `${what} ${run.id} ${run.stateId}\n`)
}

/** Ends the run, unless it was given back meanwhile; sometimes starts it before, and sometimes cancels it in between. */
async function work(claimed: FlowRun): Promise<void> {
  let run: FlowRun | undefined = claimed
  if (below(2) === 0) run = await enter(run, 'RUNNING')
  if (below(3) === 0) await setTimeout(below(5))
  if (run !== undefined && below(4) === 0) run = await enter(run, 'CANCELLING')
  if (run !== undefined) await enter(run, below(5) === 0 ? 'FAILED' : 'COMPLETED')
}

/** Moves a run on if it is still in the state that this claimer knows. */
async function enter(run: FlowRun, type: StateType): Promise<FlowRun | undefined> {
  const change = async (session: Kysely<WorkQueueTables>): Promise<FlowRun> =>
    await setFlowRunState(session, run.id, { type }, { expectedStateId: run.stateId ?? undefined })
  if (below(4) === 0) await retrying(async () => await renewLeases(db, holder, { leaseSeconds }))
  const isOwn = isolation === undefined || isolation === 'read committed'
  try {
    const entered = await retrying(async () => await (isOwn ? change(db) : inTransaction(change)))
    note('entered', entered)
    return entered
  } catch (error) {
    if (!(error instanceof FlowRunStateConflictError)) throw error
    counts.refused++
    return undefined
  }
}

async function inTransaction<T>(run: (trx: Transaction<WorkQueueTables>) => Promise<T>): Promise<T> {
  const transaction = db.transaction()
  return await (isolation === undefined ? transaction : transaction.setIsolationLevel(isolation)).execute(run)
}

/** Does again what the database says to do again, after a while that grows; any other error ends the process. */
async function retrying<T>(attempt: () => Promise<T>): Promise<T> {
  for (let wait = 4; ; wait = Math.min(2 * wait, 64)) {
    try {
      return await attempt()
    } catch (error) {
      if (!isRetryable(error)) throw error
      counts.conflicts++
      if (isDeadlock(error)) counts.deadlocks++
      await setTimeout(below(2 * wait))
    }
  }
}

function openSqlite(): SQLite.Database {
  const database = new SQLite(url, { timeout: 20_000 })
  database.pragma('synchronous = off')
  return database
}

function die(): void {
  process.kill(process.pid, 'SIGKILL')
}
