import { sql } from 'kysely'
import { WorkQueueNotFoundError } from '../errors.js'
import type { FlowRunCreate } from '../model/flow-run.js'
import { resolveWorkQueue } from '../rules/resolve-work-queue.js'
import type { Scope } from '../session.js'
import { hasAnyId, isFoundIn } from '../sql/lists.js'
import { takesNames } from '../sql/runs.js'

/** The queues that inputs name, held so that they stay. */
export interface LockedQueues {
  /** Every one of them, by its id. */
  readonly names: ReadonlyMap<string, string>
  /** Those that the inputs know by name alone, by that name. */
  readonly ids: ReadonlyMap<string, string>
}

/** The name of a queue that an input gives without an id. An id of `null` says that there is none. */
export function nameAlone({ workQueueId, workQueueName }: FlowRunCreate): string | undefined {
  if (workQueueId !== undefined) return undefined
  const place = resolveWorkQueue({ workQueueId: null, workQueueName: workQueueName ?? null })
  return place.kind === 'by-name' ? place.workQueueName : undefined
}

/**
 * Holds the queues that inputs name, in id order as everywhere. Those that are given by id have to exist; one
 * that is given by name alone may be missing.
 */
export async function lockQueues(scope: Scope, inputs: readonly FlowRunCreate[]): Promise<LockedQueues> {
  const given = new Set(inputs.map(({ workQueueId }) => workQueueId).filter((id) => typeof id === 'string'))
  const named = new Set(await findNamed(scope, inputs))
  if (given.size === 0 && named.size === 0) return { names: new Map(), ids: new Map() }
  const rows = await holdQueues(scope, [...new Set([...given, ...named])])
  const names = new Map(rows.map(({ id, name }) => [id, name]))
  for (const id of given) if (!names.has(id)) throw new WorkQueueNotFoundError(id)
  // By the names that they have now: one may have been renamed before it was held.
  return { names, ids: new Map(rows.filter(({ id }) => named.has(id)).map(({ id, name }) => [name, id])) }
}

/** Holds queues, in id order, so that they stay and keep their names: those that there are. */
export async function holdQueues(
  { db, dialect, tables }: Scope,
  ids: readonly string[],
): Promise<{ readonly id: string; readonly name: string }[]> {
  const { rows } = await sql<{ id: string; name: string }>`
    select queue.id, queue.name from ${tables.work_queue} as queue
    where ${hasAnyId('queue.id', ids, dialect)}
    order by queue.id
    ${dialect === 'postgres' ? sql`for key share` : sql``}
  `.execute(db)
  return rows
}

async function findNamed({ db, dialect, tables }: Scope, inputs: readonly FlowRunCreate[]): Promise<string[]> {
  const names = new Set(inputs.map(nameAlone).filter((name) => name !== undefined))
  if (names.size === 0) return []
  // By pool and name together, which have an index: a name may be that of many queues, one in each pool.
  const isNamed = isFoundIn({ column: 'queue.name', type: 'text', values: [...names], isIndexed: true }, dialect)
  const { rows } = await sql<{ id: string }>`
    select queue.id from ${tables.work_queue} as queue
    where queue.work_pool_id = (select home.id from ${tables.work_pool} as home where ${takesNames('home')}) and ${isNamed}
  `.execute(db)
  return rows.map(({ id }) => id)
}
