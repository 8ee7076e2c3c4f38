import { type RawBuilder, sql } from 'kysely'
import type { Scope } from './session.js'
import { GATES, numberOf, passGates, standsInLine } from './sql/advisory-locks.js'
import { type Condition, hasAnyId } from './sql/lists.js'

// Locks, and the one order in which all functions take them, so that no two of them wait for each other in a
// circle. All of it is about PostgreSQL: on SQLite a transaction that writes has the one write lock from its
// first statement on.
//
//   1. the row of a worker, by its own heartbeat; all of a pool's, by id, by the pool's delete
//   2. the gates of pools, by number
//   3. the line of one limit, by claims in transactions of their own
//   4. the rows of pools, by id
//   5. the rows of queues, by id
//   6. the rows of runs, by id; by claims, polls and upkeep with `skip locked`, so that they wait for none
//   7. the rows of leases, by the ids of their runs; releases and what drops void ones with `skip locked`
//
// Workers come first, so that a heartbeat holds its worker's row before it waits for anything, and whoever
// marks silent workers passes over it. Gates come before the rows, so that who waits at a gate holds nothing
// that a claim, a pause or a new queue needs.
//
// **Leases**: a claim waits for whoever renews or drops an old lease of a run that it holds, and these wait
// for no run. A renewal waits for leases that hold, by id, and then passes over void ones that are locked. A
// release waits for nothing, and looks again at what it has locked: a lease that was renewed is not expired
// any more, a run that ended or was claimed anew is left alone. A renewal that waits for a release finds the
// lease gone. (Under repeatable read and serializable, whoever comes second gets 40001.)
//
// **Rows** are locked in one of three strengths:
// - *written as they are*, by whoever counts under a limit, gives out a name or a priority, or sets a status.
//   A mere lock would let a waiter under repeatable read go on with its old snapshot and overshoot, or give
//   out one priority twice; a row written since makes PostgreSQL refuse it (40001). Rows of queues that are
//   only written once are locked `for no key update`, by id, before.
// - `for key share`, by whoever needs that the row stays and that no limit is given to it: claims without a
//   limit, new runs, a worker's first heartbeat. It conflicts with the third strength alone, so that claims
//   wait neither for each other nor for a pause, a recorded poll, a new queue, and these not for them.
//   (`for share` was tried: newcomers join it past those who wait to write, and with 32 claimers a pause
//   waited 5 to more than 20 s, with 48 for ever.)
// - `for update`, by whoever deletes, renames (to PostgreSQL a change of a key), or gives a limit to what had
//   none. A limit given in a row that was not locked so is missed. Tried on PostgreSQL 18.4, a limit
//   committed since the snapshot, then `select ... for key share`: after a plain update it returns the old
//   row, without the limit and without an error, under repeatable read and serializable, and under read
//   committed when it waited in the same statement for something else; after `for update` and an update it
//   returns the new row under read committed and ends in 40001 under the others, also when a pause was
//   written before or after the limit.
//
// **Gates** are advisory locks, one for each pool (of 128: pools whose ids end in one number share one).
// `for key share` has no queue: newcomers pass a waiting `for update`. A gate has one, so each claim passes
// the gates of its pools before all else, beside other claims, and keeps them to its end; who deletes,
// renames or gives a limit closes the gate: waits for the claims that have passed, while later ones wait
// behind. So few gates, since the table of all locks of a server has room for 6,400 as it is configured, and
// a claim may go over a thousand pools.
//
// **Lines** are advisory locks, one for each limit. Of those who wait for a row, each wakes up for every
// version of it that is written; of those who wait for an advisory lock, the next. A claim stands in one line
// at most, before it has a row: who has its turn waits for rows alone, and who holds rows for no line. In a
// transaction of the caller's it stands in none, since that may hold any row. Tried on PostgreSQL 18, claims
// within a queue's and its pool's limit, each batch ended at once, 32 claimers in eight processes of their
// own: 3,070 runs a second for 2,000, prepared, and 1,970 for 1,810.

/** A queue that a claim may take runs of. */
export interface EnteredQueue {
  readonly workQueueId: string
  readonly workPoolId: string
  readonly isQueueLimited: boolean
  readonly isPoolLimited: boolean
}

/**
 * Passes the gates of queues' pools, for a claim, and holds queues and pools so that they stay and are given
 * no limit. Returns those that there are. What has a limit is to be held by {@link takeTurns} next, pools
 * first.
 *
 * One statement, also where it has to wait at a gate: a limit given meanwhile is seen by the lock.
 *
 * @param gatesOf - The queues through whose pools' gates to pass. Default: the same.
 */
export async function enterQueues(
  { db, dialect, tables }: Scope,
  workQueueIds: readonly string[],
  gatesOf: readonly string[] = workQueueIds,
): Promise<EnteredQueue[]> {
  const pools = sql`
    select place.work_pool_id as id from ${tables.work_queue} as place where ${hasAnyId('place.id', gatesOf, dialect)}`
  const arePassed = sql`(select count(gates.passed) from (${passGates(pools)}) as gates) is not null`
  const { rows } = await sql<{ workQueueId: string; workPoolId: string; ofQueue: unknown; ofPool: unknown }>`
    select queue.id as "workQueueId", pool.id as "workPoolId",
      queue.concurrency_limit as "ofQueue", pool.concurrency_limit as "ofPool"
    from ${tables.work_queue} as queue join ${tables.work_pool} as pool on pool.id = queue.work_pool_id
    where ${hasAnyId('queue.id', workQueueIds, dialect)}
    ${dialect === 'postgres' ? sql`and ${arePassed} for key share of queue, pool` : sql``}
  `.execute(db)
  return rows.map(({ ofQueue, ofPool, ...ids }) => ({
    ...ids,
    isQueueLimited: ofQueue !== null,
    isPoolLimited: ofPool !== null,
  }))
}

/**
 * Writes limited pools or queues as they are, so that claims of them go one after the other and each counts
 * what the one before took.
 *
 * First the locks, in id order, then the writing: in one statement, PostgreSQL would look up each row twice
 * and might deadlock.
 *
 * @param inLine - Whether to stand in line for the first of them before.
 */
export async function takeTurns(
  { db, dialect, tables }: Scope,
  table: 'work_pool' | 'work_queue',
  ids: readonly string[],
  inLine = false,
): Promise<void> {
  if (dialect === 'sqlite' || ids.length === 0) return
  const [first] = ids.toSorted()
  const isOwner = hasAnyId('owner.id', ids, dialect)
  const isNext = inLine ? sql`${isOwner} and ${standsInLine(sql`${first}`)}` : isOwner
  if (ids.length > 1) {
    await sql`
      select owner.id from ${tables[table]} as owner
      where ${isNext}
      order by owner.id
      for no key update
    `.execute(db)
  }
  await sql`
    update ${tables[table]} as owner set name = owner.name where ${ids.length > 1 ? isOwner : isNext}
  `.execute(db)
}

/**
 * Whether a row may be referred to while it is locked (by a run, a worker, a claim without a limit), or not.
 */
export type LockPurpose = 'update' | 'delete'

/** A work pool whose row is locked until the transaction ends. */
export interface LockedWorkPool {
  readonly id: string
  readonly defaultQueueId: string | null
}

/**
 * Locks the work pool that the condition on its columns selects, so that names and priorities in it hold
 * still.
 */
export async function lockWorkPool(
  { db, dialect, tables }: Scope,
  condition: RawBuilder<unknown>,
  purpose: LockPurpose = 'update',
): Promise<LockedWorkPool | undefined> {
  const columns = sql`id, default_queue_id as "defaultQueueId"`
  const lock =
    purpose === 'delete' && dialect === 'postgres'
      ? sql<LockedWorkPool>`select ${columns} from ${tables.work_pool} where ${condition} for update`
      : sql<LockedWorkPool>`update ${tables.work_pool} set name = name where ${condition} returning ${columns}`
  const { rows } = await lock.execute(db)
  return rows[0]
}

/** Locks the work pool that a work queue is in; `undefined` when there is no such queue. */
export async function lockWorkPoolOfQueue(scope: Scope, workQueueId: string): Promise<LockedWorkPool | undefined> {
  return await lockWorkPool(
    scope,
    sql`id = (select queue.work_pool_id from ${scope.tables.work_queue} as queue where queue.id = ${workQueueId})`,
  )
}

/** Locks work queues until the transaction ends, in id order. */
export async function lockWorkQueues(
  { db, dialect, tables }: Scope,
  ids: readonly string[],
  purpose: LockPurpose = 'update',
): Promise<void> {
  if (dialect === 'sqlite' || ids.length === 0) return
  await sql`
    select queue.id from ${tables.work_queue} as queue
    where ${hasAnyId('queue.id', ids, dialect)}
    order by queue.id
    ${purpose === 'update' ? sql`for no key update` : sql`for update`}
  `.execute(db)
}

/**
 * Locks the workers of a pool that is about to be deleted, and returns how many there are. Those whose first
 * heartbeat is under way hold the pool against it.
 */
export async function lockWorkers({ db, dialect, tables }: Scope, workPoolId: string): Promise<number> {
  if (dialect === 'sqlite') return 0
  const { rows } = await sql`
    select worker.id from ${tables.worker} as worker
    where worker.work_pool_id = ${workPoolId}
    order by worker.id
    for update
  `.execute(db)
  return rows.length
}

/**
 * Closes the gate of a pool, or of a queue's pool: waits for the claims that have passed it, and lets none
 * pass until the transaction ends. Only where a pool or queue, `owner`, is as the condition says; returns
 * whether one was.
 */
export async function closeGate(
  { db, dialect, tables }: Scope,
  table: 'work_pool' | 'work_queue',
  condition: Condition,
): Promise<boolean> {
  if (dialect === 'sqlite') return false
  const number = numberOf(table === 'work_pool' ? sql`owner.id` : sql`owner.work_pool_id`)
  const { rows } = await sql`
    select pg_advisory_xact_lock(${GATES}, ${number}) from ${tables[table]} as owner where ${condition}
  `.execute(db)
  return rows.length > 0
}

/** A change of a pool or a queue for which its gate may have to be closed. */
export interface GatedChange<T> {
  readonly table: 'work_pool' | 'work_queue'
  readonly id: string
  /** Whether the gate has to be closed, as a condition on `owner`. */
  readonly needsGate: Condition
  /** The same, about what was locked. */
  readonly needsGateNow: (locked: T) => boolean
  /** Locks all rows that the change is about, and reads them. */
  readonly lock: (purpose: LockPurpose) => Promise<T>
}

/** Locks what will be changed, with the gate closed if it has to be. */
export async function lockGated<T>(scope: Scope, change: GatedChange<T>): Promise<T> {
  const { table, id, needsGate, needsGateNow, lock } = change
  const { db, dialect } = scope
  const isOwner: Condition = sql`owner.id = ${id}`
  if (dialect === 'sqlite') return await lock('update')
  if (await closeGate(scope, table, sql`${isOwner} and ${needsGate}`)) return await lock('delete')
  // Somebody else may change it just after that look, and the gate is not to be waited for with locked rows:
  // they are given back then.
  await sql`savepoint before_the_gate`.execute(db)
  const locked = await lock('update')
  if (!needsGateNow(locked)) {
    await sql`release savepoint before_the_gate`.execute(db)
    return locked
  }
  await sql`rollback to savepoint before_the_gate`.execute(db)
  await closeGate(scope, table, isOwner)
  return await lock('delete')
}

/** Passes the gate of a pool, before rows that a claim in the same transaction would lock later. */
export async function passGate({ db, dialect }: Scope, workPoolId: string): Promise<void> {
  if (dialect === 'sqlite') return
  await sql`select pg_advisory_xact_lock_shared(${GATES}, ${numberOf(sql`${workPoolId}`)})`.execute(db)
}
