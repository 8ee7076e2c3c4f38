import { isEqual } from 'date-fns/isEqual'
import { sql } from 'kysely'
import { decode, decodeAt, decodeStored } from '../model/columns.js'
import { type FlowRun, flowRunColumns } from '../model/flow-run.js'
import type { FlowRunStateInput } from '../model/flow-run-state.js'
import { newId, newIdHead } from '../model/ids.js'
import { decodeTime, encodeTime } from '../model/values.js'
import { defaultStateName, type StateType } from '../rules/states.js'
import { type Scope, transact } from '../session.js'
import { runStatement } from '../sql/cached-statement.js'
import { encodeIdList, hasAnyId, inOrder } from '../sql/lists.js'
import type { FoundState } from './read-states-of-runs.js'
import { enterOnPostgres, type StateChangeShape } from './change-states.postgres.js'
import { enterOnSqlite, insertOnSqlite } from './change-states.sqlite.js'

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
  options: StateChangeOptions,
): Promise<ChangedStates> {
  return scope.dialect === 'postgres'
    ? await changeOnPostgres(scope, changes, options)
    : await changeOnSqlite(scope, changes, options)
}

async function changeOnPostgres(
  scope: Scope,
  changes: readonly StateChange[],
  { now, expectedStateTypes, lock = false }: StateChangeOptions,
): Promise<ChangedStates> {
  const ids = changes.map(({ id }) => id)
  const isOne = ids.length === 1
  const state = stateOfAll(changes)
  const shape = {
    isOne,
    isLocking: lock && !isOne,
    ...expectationShape(changes, expectedStateTypes),
    type: state?.type,
    isDueAnew: state !== undefined && isDueAnew(state),
  }
  const expected = changes.map(({ id, expectedStateId }) => [id, expectedStateId] as const)
  const rows = (await runStatement(
    scope,
    `state-change ${JSON.stringify(shape)}`,
    (parameter) => enterOnPostgres(scope, parameter, shape),
    {
      ids: isOne ? ids[0] : encodeIdList(ids, 'postgres'),
      count: ids.length,
      types: JSON.stringify(expectedStateTypes),
      expected: isOne ? expected[0]?.[1] : JSON.stringify(Object.fromEntries(expected)),
      ...(state === undefined
        ? { changes: encodeChanges(scope, changes, now) }
        : { ...encodeState(scope, state, now), stateIdHead: newIdHead() }),
    },
  )) as ChangedRow[]
  const records = rows.flatMap(({ record }) => (record === null ? [] : [JSON.parse(record) as object]))
  return {
    changed: inOrder(
      ids,
      records.map((record) => decodeStored(flowRunColumns, record)),
    ),
    conflicts: rows.flatMap(({ record, ...found }) => (record === null ? [found] : [])),
  }
}

async function changeOnSqlite(
  scope: Scope,
  changes: readonly StateChange[],
  { now, expectedStateTypes }: StateChangeOptions,
): Promise<ChangedStates> {
  const ids = changes.map(({ id }) => id)
  const shape = expectationShape(changes, expectedStateTypes)
  const values = { types: JSON.stringify(expectedStateTypes), changes: encodeChanges(scope, changes, now) }
  await checkReadable(scope, changes, expectedStateTypes)
  const name = `state-change-states ${JSON.stringify(shape)}`
  await runStatement(scope, name, (parameter) => insertOnSqlite(scope, parameter, shape), values)
  const rows = await runStatement(scope, 'state-change-runs', (parameter) => enterOnSqlite(scope, parameter), values)
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
 * when it is made. A run that is not as expected is not written over.
 */
async function checkReadable(
  { db, dialect, tables }: Scope,
  changes: readonly StateChange[],
  expectedStateTypes: readonly StateType[] | undefined,
): Promise<void> {
  const expected = new Map(changes.map(({ id, expectedStateId }) => [id, expectedStateId]))
  const { rows } = await sql<FoundState & Record<string, unknown>>`
    select run.id, run.state_id as "stateId", run.state_type as "stateType",
      run.state_timestamp, run.next_scheduled_start_time, run.end_time
    from ${tables.flow_run} as run where ${hasAnyId('run.id', [...expected.keys()], dialect)}
  `.execute(db)
  for (const { id, stateId, stateType, ...times } of rows) {
    const isOfType = expectedStateTypes?.some((type) => type === stateType) ?? true
    if (!isOfType || (expected.get(id) ?? stateId) !== stateId) continue
    for (const [column, time] of Object.entries(times)) decodeAt(decodeTime, time, 'flow_run', id, column)
  }
}

function expectationShape(
  changes: readonly StateChange[],
  expectedStateTypes: readonly StateType[] | undefined,
): Pick<StateChangeShape, 'byId' | 'byType'> {
  return {
    byId: changes.some(({ expectedStateId }) => expectedStateId !== undefined),
    byType: expectedStateTypes !== undefined,
  }
}

/** The state that all of the changes put their runs in, if it is one: but for the run, they are alike. */
function stateOfAll(changes: readonly StateChange[]): FlowRunStateInput | undefined {
  const [first] = changes
  const isFirst = ({ type, name, message, timestamp, scheduledTime }: StateChange): boolean =>
    type === first?.type &&
    name === first.name &&
    message === first.message &&
    isSameTime(timestamp, first.timestamp) &&
    isSameTime(scheduledTime, first.scheduledTime)
  return changes.every(isFirst) ? first : undefined
}

function isSameTime(a: Date | null | undefined, b: Date | null | undefined): boolean {
  return a && b ? isEqual(a, b) : a === b
}

/** A state as the statements read it; an absent time is that of the clock, on SQLite the process's. */
function encodeState(
  { dialect }: Scope,
  { type, name, timestamp, scheduledTime, message }: FlowRunStateInput,
  now = dialect === 'sqlite' ? new Date() : undefined,
): Record<string, string | null | undefined> {
  const time = (value: Date | null | undefined): string | null => (value ? encodeTime(value, dialect) : null)
  return {
    type,
    name: name ?? defaultStateName(type),
    message: message ?? null,
    timestamp: time(timestamp ?? now),
    updated: time(now),
    due: time(scheduledTime),
  }
}

/** Changes as one JSON object, by the ids of their runs. */
function encodeChanges(scope: Scope, changes: readonly StateChange[], now: Date | undefined): string {
  const encoded = changes.map((change) => {
    const { due, ...state } = encodeState(scope, change, now)
    const { id, expectedStateId: expected } = change
    return [id, { state: { id: newId(), ...state }, ...(isDueAnew(change) && { due }), expected }] as const
  })
  return JSON.stringify(Object.fromEntries(encoded))
}

/** Whether a state says when its run is due, or that it is not. */
function isDueAnew({ type, scheduledTime }: FlowRunStateInput): boolean {
  return type === 'SCHEDULED' && scheduledTime !== undefined
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
