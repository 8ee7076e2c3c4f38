import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type Kysely, type RawBuilder, sql } from 'kysely'
import {
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  releaseExpiredLeases,
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
export interface SoakOptions
  extends SoakDatabase, Pick<ClaimersOptions, 'claimers' | 'kills' | 'freezes' | 'seed' | 'leaseSeconds'> {
  /** `undefined` on SQLite. */
  readonly isolation: IsolationLevel | undefined
  readonly runs: number
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
  /** Claims whose leases expired before the runs were started: given back. */
  released: number
  /** Runs whose leases expired after they were started: ended. */
  crashed: number
  /** Slots that are held in the end. */
  held: number
  /** Ended runs that a release, or anybody, changed. */
  afterTheEnd: number
  /** States that a claimer wrote though the run was not its own any more. */
  lateWrites: number
  /** Late writes that were refused. */
  refused: number
  kills: number
  freezes: number
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
  const freezing = freezeSome(claimers, options.freezes, end.signal)
  const isDone = (): boolean => left === 0 && claimers.kills >= options.kills && claimers.freezes >= options.freezes
  let left = runs
  while (!isDone() && claimers.errors.length === 0) {
    await setTimeout(100)
    await retrying(() => releaseExpiredLeases(db))
    left = await countRuns(observer, sql`state_type not in ('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED')`)
    options.onProgress?.(runs - left)
  }
  end.abort()
  await freezing
  const observed = await watching
  await claimers.stop()

  const journals = claimers.readJournals()
  const writers = new Map(journals.map(({ state, holder }) => [state, holder]))
  const history = audit(await readHistory(observer, options.isolation !== undefined), limits, writers)
  rmSync(directory, { recursive: true, force: true })
  const claimed = journals.filter(({ what }) => what === 'claimed')
  const exceeded = (most: Record<string, number>): Limit[] =>
    limits.filter(({ name, limit }) => (most[name] ?? 0) > limit)
  const given = new Set(claimed.map(({ state }) => state))
  return {
    claims: history.claims,
    observed: observed.most,
    recorded: history.most,
    looks: observed.looks,
    overshoots: exceeded(observed.most).length + exceeded(history.most).length,
    // Given to two claimers, or to one by a claim that did not hold.
    claimedTwice:
      history.claimedTwice + claimed.length - given.size + [...given].filter((id) => !history.pending.has(id)).length,
    lost: left + runs - (await countRuns(observer, sql`true`)),
    released: history.released,
    crashed: history.crashed,
    held: await countRuns(observer, sql`state_type in ('PENDING', 'RUNNING', 'CANCELLING')`),
    afterTheEnd: history.afterTheEnd,
    lateWrites: history.lateWrites,
    kills: claimers.kills,
    freezes: claimers.freezes,
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

/** Freezes one claimer after the other, so many times. */
async function freezeSome(claimers: Claimers, times: number, signal: AbortSignal): Promise<void> {
  while (claimers.freezes < times && !signal.aborted) {
    await setTimeout(200)
    // The first has to be dead: until then it has all to itself.
    if (claimers.kills > 0) await claimers.freeze()
  }
}

async function retrying<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!isRetryable(error)) throw error
      // better-sqlite3 never waits: without this, no timer would thaw the claimer that holds the lock.
      await setTimeout(20)
    }
  }
}

async function countRuns(db: Kysely<WorkQueueTables>, condition: RawBuilder<unknown>): Promise<number> {
  const { rows } = await sql<{ runs: number }>`
    select cast(count(*) as integer) as runs from flow_run where ${condition}
  `.execute(db)
  return rows[0]?.runs ?? 0
}
