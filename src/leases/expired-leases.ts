import { type RawBuilder, sql } from 'kysely'
import { decode, selection } from '../model/columns.js'
import { type FlowRun, flowRunColumns } from '../model/flow-run.js'
import { decodeBoolean, encodeTime } from '../model/values.js'
import type { Dialect } from '../model/dialect.js'
import type { Scope } from '../session.js'
import { runStatement } from '../sql/cached-statement.js'
import { timeOfStatement } from '../sql/clock.js'
import { leaseHolds, runOfLease } from '../sql/leases.js'
import { type Condition, hasAnyId } from '../sql/lists.js'

type Fragment = RawBuilder<unknown>

/** An expired lease, and whether it holds. */
export interface ExpiredLease {
  readonly flowRunId: string
  readonly holds: boolean
}

/** Whether a lease has expired, void or not: locks and writes nothing. */
export async function hasExpiredLeases(scope: Scope, now: Date | undefined): Promise<boolean> {
  const { dialect, tables } = scope
  const time = givenTime(dialect, now)
  const rows = await runStatement(
    scope,
    `has-expired-leases ${time === undefined}`,
    (parameter) => sql`
      select lease.flow_run_id from ${tables.flow_run_lease} as lease
      where ${isExpired(dialect, time && parameter('now'))}
      limit 1`,
    { now: time && encodeTime(time, dialect) },
  )
  return rows.length > 0
}

/** The time that a statement is given; `undefined`: it asks the clock. On SQLite that is the process's. */
function givenTime(dialect: Dialect, now: Date | undefined): Date | undefined {
  return dialect === 'postgres' ? now : (now ?? new Date())
}

/** The lease has expired at that time, by default now. */
function isExpired(dialect: Dialect, now: Fragment | undefined): Condition {
  if (now === undefined) return sql`lease.expires_at <= ${timeOfStatement(undefined, dialect)}`
  return sql`lease.expires_at <= ${dialect === 'postgres' ? sql`cast(${now} as timestamptz)` : now}`
}

/** Void ones that a release drops at most. */
const MOST_VOID = 10_000

/**
 * The leases that have expired: of those that hold as many as may be released, oldest expiry first, and those
 * that are void. On PostgreSQL they are locked, with the runs of those that hold, past what others have
 * locked: nobody is waited for.
 *
 * Whether a lease holds is read by the statement that locks it, in a snapshot that is older than the lock,
 * and so has to be read once more: {@link readHeldRuns}.
 */
export async function meetExpiredLeases(scope: Scope, limit: number, now: Date | undefined): Promise<ExpiredLease[]> {
  const { dialect } = scope
  const time = givenTime(dialect, now)
  const rows = await runStatement<{ flowRunId: string; holds: unknown }>(
    scope,
    `expired-leases ${time === undefined}`,
    (parameter) => {
      const condition = isExpired(dialect, time && parameter('now'))
      const most = sql`cast(${parameter('limit')} as integer)`
      return dialect === 'postgres' ? lockExpired(scope, condition, most) : findExpired(scope, condition, most)
    },
    { limit, now: time && encodeTime(time, dialect) },
  )
  return rows.map(({ flowRunId, holds }) => ({ flowRunId, holds: decodeBoolean(holds) }))
}

/**
 * PostgreSQL. The row that is locked may be another than the one that was met: it is asked again whether it
 * is of the same claim, and has expired. So a lease that was renewed meanwhile is left alone.
 */
function lockExpired(scope: Scope, hasExpired: Condition, limit: Fragment): RawBuilder<never> {
  const { tables } = scope
  const sameLease = sql`
    select lease.flow_run_id
    from met join ${tables.flow_run_lease} as lease
      on lease.flow_run_id = met.flow_run_id and lease.state_id = met.state_id`
  return sql`
    with met as materialized (
      select lease.flow_run_id, lease.state_id, lease.expires_at, ${leaseHolds(scope)} as holds
      from ${tables.flow_run_lease} as lease ${runOfLease(scope)}
      where ${hasExpired}
    ),
    held as materialized (
      ${sameLease}
      where met.holds and ${hasExpired}
      order by met.expires_at, met.flow_run_id
      limit (select ${limit})
      for update of lease skip locked
    ),
    void as materialized (
      ${sameLease}
      where not met.holds and ${hasExpired}
      limit ${sql.lit(MOST_VOID)}
      for update of lease skip locked
    )
    select cast(run.id as text) as "flowRunId", 'true' as holds
    from held
    cross join lateral (
      select run.id from ${tables.flow_run} as run where run.id = held.flow_run_id
      limit 1
      for no key update skip locked
    ) as run
    union all
    select cast(void.flow_run_id as text), 'false' from void`
}

/** SQLite. */
function findExpired(scope: Scope, hasExpired: Condition, limit: Fragment): RawBuilder<never> {
  return sql`
    with met as materialized (
      select lease.flow_run_id, lease.expires_at, ${leaseHolds(scope)} as holds
      from ${scope.tables.flow_run_lease} as lease ${runOfLease(scope)}
      where ${hasExpired}
    )
    select * from (
      select met.flow_run_id as "flowRunId", 1 as holds from met where met.holds
      order by met.expires_at, met.flow_run_id
      limit ${limit}
    )
    union all
    select * from (select met.flow_run_id, 0 from met where not met.holds limit ${sql.lit(MOST_VOID)})`
}

/** Of locked runs, those whose leases hold, with their holders, oldest expiry first. */
export async function readHeldRuns(
  scope: Scope,
  ids: readonly string[],
): Promise<{ readonly run: FlowRun; readonly holder: string }[]> {
  const { db, dialect, tables } = scope
  if (ids.length === 0) return []
  const { rows } = await sql<{ holder: string }>`
    select ${selection(flowRunColumns, dialect, 'run')}, lease.holder
    from ${tables.flow_run_lease} as lease ${runOfLease(scope)}
    where ${hasAnyId('lease.flow_run_id', ids, dialect)} and ${leaseHolds(scope)}
    order by lease.expires_at, lease.flow_run_id
  `.execute(db)
  return rows.map((row) => ({ run: decode(flowRunColumns, row), holder: row.holder }))
}

/** Deletes the leases of these runs. */
export async function dropLeases({ db, dialect, tables }: Scope, ids: readonly string[]): Promise<void> {
  await sql`
    delete from ${tables.flow_run_lease} as lease where ${hasAnyId('lease.flow_run_id', ids, dialect)}
  `.execute(db)
}
