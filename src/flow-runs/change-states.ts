import { sql } from 'kysely'
import { decode, decodeAt, decodeStored } from '../model/columns.js'
import { type FlowRun, flowRunColumns } from '../model/flow-run.js'
import type { FlowRunStateInput } from '../model/flow-run-state.js'
import { newId } from '../model/ids.js'
import { decodeTime, encodeTime } from '../model/values.js'
import { defaultStateName, type StateType } from '../rules/states.js'
import { type Scope, transact } from '../session.js'
import { runStatement } from '../sql/cached-statement.js'
import { encodeIdList, hasAnyId, inOrder } from '../sql/lists.js'
import type { FoundState } from './read-states-of-runs.js'
import { enterOnPostgres, enterOnSqlite, insertOnSqlite } from './change-states-statement.js'

/** How many changes one statement makes at most, so that no message is too long for the database. */
export const BATCH_SIZE = 1000

/** A state that a run is to enter. */
export interface StateChange extends FlowRunStateInput {
  readonly id: string
  /** The run has to be in this very state. */
  readonly expectedStateId?: string | undefined
}

/** What is asked of a change of states. */
export interface StateChangeOptions {
  /** Default: the clock, read when the row is locked. */
  readonly now: Date | undefined
  /** Every run has to be in one of these. */
  readonly expectedStateTypes?: readonly StateType[] | undefined
  /**
   * PostgreSQL: whether several runs are not locked yet. Then nothing is changed unless all of them are there
   * and nobody has locked one: in one statement, they cannot be waited for safely.
   */
  readonly lock?: boolean
}

/** What became of changes. */
export interface ChangedStates {
  readonly changed: FlowRun[]
  /**
   * Those that are not as expected, if `lock` was asked for and all were locked; else they are to be looked
   * up.
   */
  readonly conflicts: FoundState[]
}

type ChangedRow = FoundState & { readonly record: string | null }

/**
 * Puts runs in states, and returns those that changed, as they now are, in the order asked: not those that
 * are missing, or not as expected. On PostgreSQL it is one statement; on SQLite three, to be made
 * {@link atomically}.
 */
export async function changeStates(
  scope: Scope,
  changes: readonly StateChange[],
  { now, expectedStateTypes, lock = false }: StateChangeOptions,
): Promise<ChangedStates> {
  const ids = changes.map(({ id }) => id)
  const shape = {
    isOne: ids.length === 1,
    isLocking: lock && ids.length > 1,
    byId: changes.some(({ expectedStateId }) => expectedStateId !== undefined),
    byType: expectedStateTypes !== undefined,
  }
  const name = Object.entries(shape).flatMap(([key, is]) => (is ? [key] : []))
  const values = {
    ids: shape.isOne ? ids[0] : encodeIdList(ids, scope.dialect),
    types: expectedStateTypes === undefined ? undefined : JSON.stringify(expectedStateTypes),
    changes: JSON.stringify(Object.fromEntries(changes.map((change) => [change.id, encoded(scope, change, now)]))),
  }
  const run = async (title: string, statement: typeof enterOnPostgres): Promise<object[]> =>
    await runStatement(scope, `${title} ${name.join(' ')}`, (p) => statement(scope, p, shape), values)
  if (scope.dialect === 'postgres') {
    const rows = (await run('state-change', enterOnPostgres)) as ChangedRow[]
    const records = rows.flatMap(({ record }) => (record === null ? [] : [JSON.parse(record) as object]))
    return {
      changed: inOrder(
        ids,
        records.map((record) => decodeStored(flowRunColumns, record)),
      ),
      conflicts: rows.flatMap(({ record, ...state }) => (record === null ? [state] : [])),
    }
  }
  await checkReadable(scope, ids)
  await run('state-change-states', insertOnSqlite)
  const rows = await run('state-change-runs', enterOnSqlite)
  return {
    changed: inOrder(
      ids,
      rows.map((row) => decode(flowRunColumns, row)),
    ),
    conflicts: [],
  }
}

/** Puts any number of locked runs in states, a statement for each thousand, as {@link changeStates} does. */
export async function changeAllStates(
  scope: Scope,
  changes: readonly StateChange[],
  options: StateChangeOptions,
): Promise<FlowRun[]> {
  const changed: FlowRun[] = []
  for (let i = 0; i < changes.length; i += BATCH_SIZE) {
    const batch = await changeStates(scope, changes.slice(i, i + BATCH_SIZE), options)
    for (const run of batch.changed) changed.push(run)
  }
  return changed
}

/**
 * SQLite holds anything in any column. What a change would write over has to be readable; the rest is read
 * when it is made.
 */
async function checkReadable({ db, dialect, tables }: Scope, ids: readonly string[]): Promise<void> {
  const { rows } = await sql<{ id: string } & Record<string, unknown>>`
    select run.id, run.state_timestamp, run.next_scheduled_start_time, run.end_time
    from ${tables.flow_run} as run where ${hasAnyId('run.id', ids, dialect)}
  `.execute(db)
  for (const { id, ...times } of rows) {
    for (const [column, time] of Object.entries(times)) decodeAt(decodeTime, time, 'flow_run', id, column)
  }
}

/**
 * A change as the statements read it; an absent time is that of the clock. On SQLite it is that of the
 * process.
 */
function encoded(
  { dialect }: Scope,
  { type, name, timestamp, scheduledTime, message, expectedStateId }: StateChange,
  now = dialect === 'sqlite' ? new Date() : undefined,
): object {
  const time = (value: Date | undefined): string | undefined =>
    value === undefined ? undefined : encodeTime(value, dialect)
  const isDueAnew = type === 'SCHEDULED' && scheduledTime !== undefined
  return {
    state: {
      id: newId(),
      type,
      name: name ?? defaultStateName(type),
      message: message ?? null,
      timestamp: time(timestamp ?? now),
      updated: time(now),
    },
    ...(isDueAnew && { due: scheduledTime === null ? null : encodeTime(scheduledTime, dialect) }),
    expected: expectedStateId,
  }
}

/**
 * Runs a change of states so that all of it happens or nothing. On SQLite a row may turn out not to be
 * readable when it was written: then the change is undone in a transaction of the caller's too, which may go
 * on.
 */
export async function atomically<T>(scope: Scope, run: (scope: Scope) => Promise<T>): Promise<T> {
  if (scope.dialect === 'postgres' || !scope.isTransaction) return await transact(scope, run)
  await sql`savepoint before_the_change`.execute(scope.db)
  try {
    return await transact(scope, run)
  } catch (error) {
    await sql`rollback to savepoint before_the_change`.execute(scope.db)
    throw error
  } finally {
    await sql`release savepoint before_the_change`.execute(scope.db)
  }
}
