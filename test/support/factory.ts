import { type Kysely, sql } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { open } from '../../src/session.js'
import { type OptionalTable, requireTable } from '../../src/sql/optional-tables.js'
import type { TestDatabase } from './databases.js'

/** A value as a test writes it: times as `Date`, booleans as booleans, JSON as objects and arrays. */
type Value = string | number | boolean | null | Date | object

/** A row by column names; what is absent gets a default. */
export type Row = Record<string, Value>

/** Inserts rows past the library, with every column optional, and returns their ids. */
export interface Factory {
  /** A pool with its default queue. */
  pool(row?: Row): Promise<string>
  /** A queue, in a new pool unless `work_pool_id` is given. */
  queue(row?: Row): Promise<string>
  /** A queue in the default agent pool, which is made if absent. Only such a queue has runs that are known by its name alone. */
  agentQueue(row?: Row): Promise<string>
  /** A SCHEDULED run without a queue and without a start time. */
  run(row?: Row): Promise<string>
  /** Many runs in one statement. */
  runs(rows: readonly Row[]): Promise<string[]>
  /** Rows of any table, as they are given. */
  rows(table: keyof WorkQueueTables, rows: readonly Row[]): Promise<string[]>
  /** A state of a run; `flow_run_id` is required. */
  state(row: Row): Promise<string>
  /** An ONLINE worker; `work_pool_id` is required. */
  worker(row: Row): Promise<string>
  /** A lease of a run, by `w-1`, which has not expired; `flow_run_id` and `state_id` are required. */
  lease(row: Row): Promise<void>
  /** Sets columns of the row with this id. */
  set(table: keyof WorkQueueTables, id: string, row: Row): Promise<void>
}

/** The n-th id: ids of one kind sort by n. */
export function testId(n: number, kind = 0): string {
  return `00000000-0000-4000-8${String(kind).padStart(3, '0')}-${n.toString(16).padStart(12, '0')}`
}

// Numbers go on for the whole file, so that rows are in the order in which they were made.
let counter = 0

export function factory({ plain: db, dialect }: Pick<TestDatabase, 'plain' | 'dialect'>): Factory {
  const encode = (value: Value): unknown => {
    if (value instanceof Date) {
      const iso = value.toISOString()
      return dialect === 'postgres' ? iso : iso.replace('T', ' ').replace('Z', '000')
    }
    if (typeof value === 'boolean') return dialect === 'postgres' ? value : Number(value)
    if (value instanceof Uint8Array) return value
    return value !== null && typeof value === 'object' ? JSON.stringify(value) : value
  }

  const insert = async (table: keyof WorkQueueTables, rows: readonly Row[]): Promise<string[]> => {
    const complete = rows.map((row) => ({ id: testId(++counter, 999), ...row }))
    const columns = [...new Set(complete.flatMap((row) => Object.keys(row)))]
    const size = Math.floor(30_000 / columns.length)
    for (let i = 0; i < complete.length; i += size) {
      await (db as Kysely<any>)
        .insertInto(table)
        .values(
          complete.slice(i, i + size).map((row) => {
            const values: Record<string, unknown> = {}
            for (const column of columns) values[column] = encode((row as Row)[column] ?? null)
            return values
          }),
        )
        .execute()
    }
    return complete.map((row) => row.id)
  }
  const one = async (table: keyof WorkQueueTables, row: Row): Promise<string> => {
    const [id] = await insert(table, [row])
    return id as string
  }

  const runDefaults = (): Row => ({
    name: `run-${counter}`,
    flow_id: testId(1, 1),
    state_type: 'SCHEDULED',
  })
  const withStateName = (row: Row): Row => ({
    state_name:
      typeof row['state_type'] === 'string'
        ? row['state_type'].charAt(0) + row['state_type'].slice(1).toLowerCase()
        : null,
    ...row,
  })

  const make: Factory = {
    async pool(row = {}) {
      const id = await one('work_pool', { name: `pool-${++counter}`, type: 'process', ...row })
      const queueId = await one('work_queue', { name: 'default', priority: 1, work_pool_id: id })
      await make.set('work_pool', id, { default_queue_id: queueId })
      return id
    },
    async queue(row = {}) {
      const work_pool_id = row['work_pool_id'] ?? (await make.pool())
      return await one('work_queue', { name: `queue-${++counter}`, priority: ++counter, ...row, work_pool_id })
    },
    async agentQueue(row = {}) {
      const name = 'default-agent-pool'
      const found = await db.selectFrom('work_pool').select('id').where('name', '=', name).executeTakeFirst()
      return await make.queue({ work_pool_id: found?.id ?? (await make.pool({ name, type: 'prefect-agent' })), ...row })
    },
    run: (row = {}) => one('flow_run', withStateName({ ...runDefaults(), ...row })),
    runs: (rows) =>
      insert(
        'flow_run',
        rows.map((row) => withStateName({ ...runDefaults(), ...row })),
      ),
    rows: insert,
    state: (row) => one('flow_run_state', { type: 'SCHEDULED', name: 'Scheduled', ...row }),
    worker: (row) => one('worker', { name: `worker-${++counter}`, status: 'ONLINE', ...row }),
    async lease(row) {
      const given: Row = { holder: 'w-1', acquired_at: new Date(0), expires_at: new Date('2100-01-01'), ...row }
      const values = Object.fromEntries(Object.entries(given).map(([column, value]) => [column, encode(value)]))
      await (db as Kysely<any>).insertInto('flow_run_lease').values(values).execute()
    },
    async set(table, id, row) {
      const values: Record<string, unknown> = {}
      for (const [column, value] of Object.entries(row)) values[column] = encode(value)
      await (db as Kysely<any>).updateTable(table).set(values).where('id', '=', id).execute()
    },
  }
  return make
}

/** Every row of every table of ours, to compare before and after; leases and events where there are tables for them. */
export async function allRows({ plain: db }: Pick<TestDatabase, 'plain'>): Promise<Record<string, object[]>> {
  const tables = ['work_pool', 'work_queue', 'worker', 'flow_run', 'flow_run_state'] as const
  const rows: Record<string, object[]> = {}
  for (const table of tables) rows[table] = await db.selectFrom(table).selectAll().orderBy(sql.ref('id')).execute()
  const optional = { flow_run_lease: 'flow_run_id', work_queue_event: 'position' }
  for (const [table, order] of Object.entries(optional)) {
    // Prefect's own tables have neither. A statement that fails would end the transaction that is looked into.
    const isThere = await open(db, (scope) => requireTable(scope, table as OptionalTable, 'read')).then(
      () => true,
      () => false,
    )
    if (!isThere) continue
    rows[table] = await (db as Kysely<any>).selectFrom(table).selectAll().orderBy(order).execute()
  }
  return rows
}
