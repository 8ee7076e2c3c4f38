import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { subMilliseconds } from 'date-fns'
import { type Kysely, sql } from 'kysely'
import {
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  releaseStaleClaims,
  setFlowRunState,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { isRetryable } from '../conflicts.js'
import { audit, type Limit, observe, readHistory } from './audit.js'
import { bundleClaimer } from './bundle-claimer.js'
import { Claimers, type ClaimersOptions, type IsolationLevel } from './claimers.js'

/** Where claimers meet. */
interface SoakDatabase {
  /** PostgreSQL's URL, or SQLite's file. */
  readonly url: string
  readonly db: Kysely<WorkQueueTables>
  /** A session of the observer's own. */
  readonly observer: Kysely<WorkQueueTables>
}

/** What a soak is asked to do. */
export interface SoakOptions extends SoakDatabase, Pick<ClaimersOptions, 'claimers' | 'kills' | 'seed'> {
  /** `undefined` on SQLite. */
  readonly isolation: IsolationLevel | undefined
  readonly runs: number
  /** For how long a claimer may be silent before its runs are taken from it. */
  readonly staleAfterMilliseconds: number
  readonly onProgress?: (ended: number) => void
}

/** What came of it. */
export interface SoakResult {
  claims: number
  /** The most active runs under each limit: as the observer saw them, and as the history has them. */
  observed: Record<string, number>
  recorded: Record<string, number>
  looks: number
  overshoots: number
  claimedTwice: number
  /** Runs that did not end. */
  lost: number
  /** Claims that were given back since nobody took them up. */
  released: number
  /** Runs that were taken from claimers that had started them. */
  crashed: number
  kills: number
  conflicts: number
  deadlocks: number
  errors: string[]
  seconds: number
}

/** Lets claimers in processes of their own work off many runs, while some are killed, and sees whether each limit was kept. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { db, observer, runs } = options
  const started = performance.now()
  const { limits, ...places } = await arrange(db, runs)
  await sql`analyze`.execute(db)
  const directory = mkdtempSync(join(tmpdir(), 'kysely-work-queues-'))
  using bundle = await bundleClaimer()
  const claimers = new Claimers({ ...options, ...places, directory, script: bundle.script })
  const end = new AbortController()
  const watching = observe(observer, limits, end.signal)
  let crashed = 0
  let left = runs
  while ((left > 0 || claimers.kills < options.kills) && claimers.errors.length === 0) {
    await setTimeout(100)
    crashed += await recover(db, options.staleAfterMilliseconds)
    left = await countUnfinished(observer)
    options.onProgress?.(runs - left)
  }
  end.abort()
  const observed = await watching
  await claimers.stop()

  const history = audit(await readHistory(observer, options.isolation !== undefined), limits)
  const journals = claimers.readJournals()
  rmSync(directory, { recursive: true, force: true })
  const exceeded = (most: Record<string, number>): Limit[] =>
    limits.filter(({ name, limit }) => (most[name] ?? 0) > limit)
  const given = new Set(journals.map(({ state }) => state))
  return {
    claims: history.claims,
    observed: observed.most,
    recorded: history.most,
    looks: observed.looks,
    overshoots: exceeded(observed.most).length + exceeded(history.most).length,
    // Given to two claimers, or to one by a claim that did not hold.
    claimedTwice:
      history.claimedTwice + journals.length - given.size + [...given].filter((id) => !history.pending.has(id)).length,
    lost: left + runs - (await countRuns(observer)),
    released: history.released,
    crashed,
    kills: claimers.kills,
    ...claimers.counts,
    errors: claimers.errors,
    seconds: (performance.now() - started) / 1000,
  }
}

/** A pool of limit 7 with queues of the limits 3 and 5 and one without, and a queue of a pool without limits; runs in each. */
async function arrange(
  db: Kysely<WorkQueueTables>,
  runs: number,
): Promise<{ workPoolIds: string[]; workQueueIds: string[]; limits: Limit[] }> {
  const limited = await createWorkPool(db, { name: 'limited', type: 'process', concurrencyLimit: 7 })
  const open = await createWorkPool(db, { name: 'open', type: 'process' })
  const three = await createWorkQueue(db, { name: 'three', workPoolId: limited.id, concurrencyLimit: 3 })
  const five = await createWorkQueue(db, { name: 'five', workPoolId: limited.id, concurrencyLimit: 5 })
  const unlimited = [limited.defaultQueueId ?? '', open.defaultQueueId ?? '']
  const workQueueIds = [three.id, five.id, ...unlimited]
  await createFlowRuns(
    db,
    Array.from({ length: runs }, (_, n) => ({ workQueueId: workQueueIds[n % workQueueIds.length] })),
  )
  return {
    workPoolIds: [limited.id, open.id],
    workQueueIds,
    limits: [
      { name: 'pool', limit: 7, workQueueIds: workQueueIds.slice(0, 3) },
      { name: 'three', limit: 3, workQueueIds: [three.id] },
      { name: 'five', limit: 5, workQueueIds: [five.id] },
    ],
  }
}

/** What a host does about dead claimers: gives back what they had not started, and ends what they had. Returns how many it ended. */
async function recover(db: Kysely<WorkQueueTables>, staleAfterMilliseconds: number): Promise<number> {
  const before = subMilliseconds(new Date(), staleAfterMilliseconds)
  await retrying(() => releaseStaleClaims(db, { pendingBefore: before }))
  const { rows } = await sql<{ id: string; state: string; since: string | Date }>`
    select id, state_id as state, state_timestamp as since from flow_run where state_type in ('RUNNING', 'CANCELLING')
  `.execute(db)
  let ended = 0
  for (const { id, state, since } of rows) {
    if (new Date(typeof since === 'string' ? `${since}Z` : since) >= before) continue
    const isEnded = await retrying(() =>
      db.transaction().execute(async (trx) => {
        const held =
          await sql`update flow_run set state_id = state_id where id = ${id} and state_id = ${state} returning id`.execute(
            trx,
          )
        if (held.rows.length > 0) await setFlowRunState(trx, id, { type: 'CRASHED' })
        return held.rows.length > 0
      }),
    )
    if (isEnded) ended++
  }
  return ended
}

async function retrying<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!isRetryable(error)) throw error
    }
  }
}

async function countUnfinished(db: Kysely<WorkQueueTables>): Promise<number> {
  const { rows } = await sql<{ left: number }>`
    select cast(count(*) as integer) as "left" from flow_run where state_type not in ('COMPLETED', 'FAILED', 'CRASHED')
  `.execute(db)
  return rows[0]?.left ?? 0
}

async function countRuns(db: Kysely<WorkQueueTables>): Promise<number> {
  const { rows } = await sql<{ runs: number }>`select cast(count(*) as integer) as runs from flow_run`.execute(db)
  return rows[0]?.runs ?? 0
}
