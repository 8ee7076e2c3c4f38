import { type RawBuilder, sql } from 'kysely'
import { hasAnyId } from '../sql/lists.js'
import type { Scope } from '../session.js'

/** A queue or pool, and whether it was seen to have a concurrency limit. */
export interface LimitOwner {
  readonly id: string
  readonly isLimited: boolean
}

/**
 * Locks the queues or pools whose limits a claim must keep, and returns the ids of those that the claim may take runs of.
 *
 * A limited one is written as it is, so that claims of it go one after the other and each counts what the one before took. Merely
 * locked, a waiter under repeatable read would count from its old snapshot and overshoot; a row written since makes
 * PostgreSQL refuse it (40001). An unlimited one is locked in share mode: claims of it do not wait for each other, but
 * whoever gives it a limit waits for them, and so no later claim can miss what they took.
 *
 * One that was given a limit since it was looked at is left out this time: its lock is of the weaker kind, and changing it
 * to the stronger one is how two claims would wait for each other in a circle.
 */
export async function lockLimits(
  scope: Scope,
  table: 'work_pool' | 'work_queue',
  owners: readonly LimitOwner[],
): Promise<string[]> {
  // On SQLite the transaction has the one write lock already.
  if (scope.dialect === 'sqlite') return owners.map(({ id }) => id)
  const locked: string[] = []
  for (const group of inIdOrder(owners)) {
    const ids = group.map(({ id }) => id)
    const isLimited = group[0]?.isLimited === true
    const rows = isLimited ? await takeTurn(scope, table, ids) : await share(scope, table, ids)
    for (const row of rows) if (isLimited || !row.isLimited) locked.push(row.id)
  }
  return locked
}

/** Locks are taken in id order, as everywhere; neighbours in that order that take the same kind of lock take it in one statement. */
function inIdOrder(owners: readonly LimitOwner[]): LimitOwner[][] {
  const groups: LimitOwner[][] = []
  for (const owner of owners.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const group = groups.at(-1)
    if (group?.[0]?.isLimited === owner.isLimited) group.push(owner)
    else groups.push([owner])
  }
  return groups
}

/** First the locks, in id order, then the writing: in one statement, PostgreSQL would look up each row twice and might deadlock. */
async function takeTurn(
  scope: Scope,
  table: 'work_pool' | 'work_queue',
  ids: readonly string[],
): Promise<LimitOwner[]> {
  const { db, dialect, tables } = scope
  if (ids.length > 1) {
    await sql`
      select owner.id from ${tables[table]} as owner
      where ${hasAnyId('owner.id', ids, dialect)}
      order by owner.id
      for no key update
    `.execute(db)
  }
  const { rows } = await sql<OwnerRow>`
    update ${tables[table]} as owner set name = owner.name
    where ${hasAnyId('owner.id', ids, dialect)}
    returning ${OWNER}
  `.execute(db)
  return rows.map(toLimitOwner)
}

async function share(
  { db, dialect, tables }: Scope,
  table: 'work_pool' | 'work_queue',
  ids: string[],
): Promise<LimitOwner[]> {
  const { rows } = await sql<OwnerRow>`
    select ${OWNER} from ${tables[table]} as owner
    where ${hasAnyId('owner.id', ids, dialect)}
    order by owner.id
    for share
  `.execute(db)
  return rows.map(toLimitOwner)
}

/** Reads which of the queues or pools have a concurrency limit now. */
export async function readLimitOwners(
  { db, dialect, tables }: Scope,
  table: 'work_pool' | 'work_queue',
  ids: readonly string[],
): Promise<LimitOwner[]> {
  const { rows } = await sql<OwnerRow>`
    select ${OWNER} from ${tables[table]} as owner where ${hasAnyId('owner.id', ids, dialect)}
  `.execute(db)
  return rows.map(toLimitOwner)
}

interface OwnerRow {
  readonly id: string
  readonly limit: unknown
}

const OWNER: RawBuilder<unknown> = sql`owner.id, owner.concurrency_limit as "limit"`

function toLimitOwner({ id, limit }: OwnerRow): LimitOwner {
  return { id, isLimited: limit !== null }
}
