import { type RawBuilder, sql } from 'kysely'
import * as z from 'zod'
import { check, countSchema } from '../model/checks.js'
import { decodeTime, timeAsText } from '../model/values.js'
import { decodeProperties, type WorkQueueEvent } from '../model/work-queue-event.js'
import { open, type RequiredTables, type Scope, type Session, transact } from '../session.js'
import { type Parameter, runStatement } from '../sql/cached-statement.js'
import { requireTable } from '../sql/optional-tables.js'

/** How many events to take. */
export interface TakeEventsOptions {
  /** How many at most, oldest first. Default: 100. */
  limit?: number | undefined
}

const DEFAULT_LIMIT = 100

const optionsSchema = z.strictObject({ limit: countSchema.default(DEFAULT_LIMIT) })

interface Row {
  readonly position: unknown
  readonly id: string
  readonly occurred: unknown
  readonly resource: WorkQueueEvent['resource']
  readonly resourceId: string
  readonly kind: WorkQueueEvent['kind']
  readonly before: unknown
  readonly after: unknown
}

/**
 * Takes the oldest events from the log: changes of pools, queues, workers' statuses and runs' states, whoever
 * made them. They are deleted with the transaction that takes them, so in one transaction with what the host
 * does about them none is lost, and none handled twice; what a rollback gives back is taken again.
 *
 * Events of one resource come in the order of its changes. Several may take at once: on PostgreSQL none
 * waits, each gets others, and then only whoever is alone sees the order.
 *
 * `before` and `after` have the properties that changed, as records have them, `Date` and all. Of a row that
 * was created `before` is null, of a deleted one `after`; the other has the row but for its large JSON.
 *
 * Needs the migration `eventLog`, without which nothing is written.
 *
 * @returns The events, oldest first.
 * @throws {InvalidInputError} when an option is not valid.
 * @throws {MissingTableError} when the migration `eventLog` was not run.
 *
 * @example
 * ```ts
 * await db.transaction().execute(async (trx) => {
 *   for (const { resource, resourceId, after } of await takeEvents(trx)) {
 *     console.log(resource, resourceId, after)
 *   }
 * })
 * ```
 */
export async function takeEvents<DB extends RequiredTables>(
  session: Session<DB>,
  options: TakeEventsOptions = {},
): Promise<WorkQueueEvent[]> {
  const { limit } = check(optionsSchema, options)
  return await open(session, async (scope) => {
    if (!scope.isTransaction) return await take(scope, limit)
    // On SQLite, a transaction that looks for the table first could not write any more after another's write.
    return await transact(scope, (inside) => take(inside, limit))
  })
}

async function take(scope: Scope, limit: number): Promise<WorkQueueEvent[]> {
  await requireTable(scope, 'work_queue_event', 'write')
  const build = scope.dialect === 'postgres' ? takenOnPostgres : takenOnSqlite
  const rows = await runStatement<Row>(scope, 'take-events', (parameter) => build(scope, parameter), { limit })
  return rows.toSorted((a, b) => Number(a.position) - Number(b.position)).map(toEvent)
}

const selected = (dialect: Scope['dialect'], json: (column: string) => string): RawBuilder<unknown> =>
  sql.raw(`position, id, ${timeAsText('occurred', dialect)} as occurred, resource, resource_id as "resourceId", kind,
    ${json('before')} as before, ${json('after')} as after`)

/** Whoever takes at the same time gets others, also when the first transaction stays open. */
function takenOnPostgres({ tables: { work_queue_event: events } }: Scope, parameter: Parameter): RawBuilder<Row> {
  return sql`
    with oldest as materialized (
      select position from ${events} order by position
      limit cast(${parameter('limit')} as integer) for update skip locked
    )
    delete from ${events} where position = any(array(select position from oldest))
    returning ${selected('postgres', (column) => `cast(${column} as text)`)}`
}

function takenOnSqlite({ tables: { work_queue_event: events } }: Scope, parameter: Parameter): RawBuilder<Row> {
  return sql`
    delete from ${events} where position in (
      select position from ${events} order by position limit ${parameter('limit')}
    )
    returning ${selected('sqlite', (column) => column)}`
}

function toEvent({ id, occurred, resource, resourceId, kind, before, after }: Row): WorkQueueEvent {
  return {
    id,
    occurred: decodeTime(occurred),
    resource,
    resourceId,
    kind,
    before: decodeProperties(resource, before),
    after: decodeProperties(resource, after),
  } as WorkQueueEvent
}
