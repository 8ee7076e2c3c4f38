import type { StateType } from './rules/states.js'

/** The base of every error that this library throws itself. Errors of the driver pass through as they are. */
export abstract class WorkQueueError extends Error {
  /** Which error it is, as a literal that a `switch` can go by and that survives serialisation. */
  abstract readonly code: string
}

/** There is no work queue with this id. */
export class WorkQueueNotFoundError extends WorkQueueError {
  override readonly name = 'WorkQueueNotFoundError'
  readonly code = 'WORK_QUEUE_NOT_FOUND'
  readonly id: string

  constructor(id: string) {
    super(`There is no work queue with id ${id}.`)
    this.id = id
  }
}

/** There is no work pool with this id. */
export class WorkPoolNotFoundError extends WorkQueueError {
  override readonly name = 'WorkPoolNotFoundError'
  readonly code = 'WORK_POOL_NOT_FOUND'
  readonly id: string

  constructor(id: string) {
    super(`There is no work pool with id ${id}.`)
    this.id = id
  }
}

/** There is no flow run with this id. */
export class FlowRunNotFoundError extends WorkQueueError {
  override readonly name = 'FlowRunNotFoundError'
  readonly code = 'FLOW_RUN_NOT_FOUND'
  readonly id: string

  constructor(id: string) {
    super(`There is no flow run with id ${id}.`)
    this.id = id
  }
}

/** The flow run is not in the state that the change asks for. Nothing was changed. */
export class FlowRunStateConflictError extends WorkQueueError {
  override readonly name = 'FlowRunStateConflictError'
  readonly code = 'FLOW_RUN_STATE_CONFLICT'
  readonly id: string
  /** The state that the run was to be in; `null` when only its type was asked for. */
  readonly expectedStateId: string | null
  /** The state that the run was found in just after; `null` when it has none. */
  readonly stateId: string | null
  readonly stateType: StateType | null

  constructor(id: string, expectedStateId: string | null, stateId: string | null, stateType: StateType | null) {
    const found = stateType === null ? 'in no state' : `${stateType}, in state ${stateId}`
    const expected = expectedStateId === null ? 'which does not allow this change' : `not in state ${expectedStateId}`
    super(`Flow run ${id} is ${found}, ${expected}.`)
    this.id = id
    this.expectedStateId = expectedStateId
    this.stateId = stateId
    this.stateType = stateType
  }
}

/** The pool already has a work queue of this name. The caller's transaction stays usable. */
export class WorkQueueExistsError extends WorkQueueError {
  override readonly name = 'WorkQueueExistsError'
  readonly code = 'WORK_QUEUE_EXISTS'
  readonly workQueueName: string
  readonly workPoolId: string

  constructor(workQueueName: string, workPoolId: string) {
    super(`Work pool ${workPoolId} already has a work queue named ${JSON.stringify(workQueueName)}.`)
    this.workQueueName = workQueueName
    this.workPoolId = workPoolId
  }
}

/** There already is a work pool of this name. The caller's transaction stays usable. */
export class WorkPoolExistsError extends WorkQueueError {
  override readonly name = 'WorkPoolExistsError'
  readonly code = 'WORK_POOL_EXISTS'
  readonly workPoolName: string

  constructor(workPoolName: string) {
    super(`There already is a work pool named ${JSON.stringify(workPoolName)}.`)
    this.workPoolName = workPoolName
  }
}

/** The queue is its pool's default queue, which lives as long as the pool. */
export class DefaultWorkQueueError extends WorkQueueError {
  override readonly name = 'DefaultWorkQueueError'
  readonly code = 'DEFAULT_WORK_QUEUE'
  readonly id: string

  constructor(id: string) {
    super(`Work queue ${id} is its work pool's default queue and cannot be deleted; delete the pool instead.`)
    this.id = id
  }
}

/** One thing that is wrong with an input. */
export interface InputIssue {
  /** Where: the keys from the argument inwards, joined by dots, such as `priority` or `filter.name.any.0`. */
  readonly path: string
  /** What is wrong there, as a sentence. */
  readonly message: string
}

/** How many issues an error lists, and how long the message is that one of them makes. */
const MAX_ISSUES = 100
const MAX_ISSUE_LENGTH = 300

/** An input was refused. Nothing was asked of the database. */
export class InvalidInputError extends WorkQueueError {
  override readonly name = 'InvalidInputError'
  readonly code = 'INVALID_INPUT'
  /** Every problem found; of more than a hundred, the first hundred, and one that counts the rest. */
  readonly issues: readonly InputIssue[]

  /**
   * @param more - How many problems there are beside these.
   */
  constructor(issues: readonly InputIssue[], more = 0) {
    const listed = issues.slice(0, MAX_ISSUES)
    const rest = issues.length - listed.length + more
    if (rest > 0) listed.push({ path: '', message: `and ${rest} more` })
    super(`Invalid input: ${listed.map(toText).join('; ')}`)
    this.issues = listed
  }
}

function toText({ path, message }: InputIssue): string {
  const text = path === '' ? message : `${path}: ${message}`
  const half = MAX_ISSUE_LENGTH / 2
  return text.length <= MAX_ISSUE_LENGTH ? text : `${text.slice(0, half)}…${text.slice(-half)}`
}

/**
 * A stored row that cannot be read: JSON that is none, or a time that is none, as SQLite may hold in any
 * column. Whatever reaches the row throws this until the row is mended. Its `cause` says what is wrong with
 * the value.
 */
export class UnreadableRowError extends WorkQueueError {
  override readonly name = 'UnreadableRowError'
  readonly code = 'UNREADABLE_ROW'
  /** The table, as the database calls it, such as `flow_run`. */
  readonly table: string
  /** The row's id. */
  readonly id: string
  /** The column, as the database calls it. */
  readonly column: string

  constructor(table: string, id: string, column: string, options?: ErrorOptions) {
    super(`The column ${column} of ${table} ${id} cannot be read.`, options)
    this.table = table
    this.id = id
    this.column = column
  }
}

/** A table that the call needs is not there: its migration was not run. Nothing was changed. */
export class MissingTableError extends WorkQueueError {
  override readonly name = 'MissingTableError'
  readonly code = 'MISSING_TABLE'
  /** The table, as the database calls it, such as `flow_run_lease`. */
  readonly table: string
  /** What `kysely-work-queues/migrations` exports for it, such as `leases`. */
  readonly migration: string

  constructor(table: string, migration: string) {
    super(`The table ${table} is missing; run the migration \`${migration}\` of kysely-work-queues/migrations.`)
    this.table = table
    this.migration = migration
  }
}

/** The session's dialect is not supported. Supported are SQLite and PostgreSQL. */
export class UnsupportedDialectError extends WorkQueueError {
  override readonly name = 'UnsupportedDialectError'
  readonly code = 'UNSUPPORTED_DIALECT'
  readonly dialect: string

  constructor(dialect: string) {
    super(`The session's dialect is ${dialect}; supported are PostgreSQL and SQLite.`)
    this.dialect = dialect
  }
}

// PostgreSQL's serialization_failure and deadlock_detected, and what SQLite says when another has the
// database or table.
const RETRYABLE = /^(?:40001|40P01|SQLITE_(?:BUSY|LOCKED)(?:_[A-Z]+)?)$/

/**
 * The routine of PostgreSQL that refuses, as an internal error (XX000), to note a second updater of a row.
 * Met once in 60,000 claims, at serializable (18.4): the first was just giving up. The row is as it was.
 */
const NOTES_LOCKERS = 'MultiXactIdCreateFromMembers'

/** The same two of SQLite's result codes as numbers; an extended code has them in its low byte. */
const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6

/**
 * Whether an error is a driver's that says nothing but "try again".
 *
 * On PostgreSQL that is a serialization failure (40001) or a deadlock (40P01), on SQLite SQLITE_BUSY,
 * SQLITE_LOCKED and their kinds, such as SQLITE_BUSY_SNAPSHOT. PostgreSQL's internal error "new multixact has
 * more than one updating member" is one too: two met in one moment. Knows the errors of pg, postgres.js,
 * PGlite, better-sqlite3, `node:sqlite` and libsql.
 *
 * What was in a transaction is rolled back: try the whole of it again, a little later. Of several errors
 * together, an `AggregateError`, all have to be such.
 *
 * @example
 * ```ts
 * try {
 *   await claimRunsInWorkQueue(db, queue.id)
 * } catch (error) {
 *   if (!isRetryable(error)) throw error
 * }
 * ```
 */
export function isRetryable(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isRetryable)
  const { code, errcode, routine } = error as { code?: unknown; errcode?: unknown; routine?: unknown }
  if (typeof code === 'string' && RETRYABLE.test(code)) return true
  if (code === 'XX000' && routine === NOTES_LOCKERS) return true
  if (code !== 'ERR_SQLITE_ERROR' || typeof errcode !== 'number') return false
  const kind = errcode & 0xff
  return kind === SQLITE_BUSY || kind === SQLITE_LOCKED
}
