import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import type { FlowRunCreate, WorkQueueTables } from 'kysely-work-queues'
import type { BenchDatabase, Server } from '../support/bench-databases.js'
import { analyze } from '../support/seed.js'

/** What time it is for the calls. All runs are due, all workers and queues are silent. */
export const now = new Date('2040-01-01T00:00:00.000Z')

/** A database in which each list that a call may take, and each table that it may look into, has `size` entries. */
export interface ProductWorld {
  readonly size: number
  readonly database: BenchDatabase
  readonly db: Kysely<WorkQueueTables>
  /** A pool with a limit and `size` queues, every other one limited; each has one due and one RUNNING run. */
  readonly pool: string
  readonly queues: readonly string[]
  readonly queueNames: readonly string[]
  /** As many pools of one queue, each with one due run; all are READY without a worker. */
  readonly pools: readonly string[]
  readonly poolNames: readonly string[]
  readonly queuesOfPools: readonly string[]
  readonly runs: readonly string[]
  readonly runNames: readonly string[]
  readonly flows: readonly string[]
  /** Keyed runs that are there already, of as many flows. */
  readonly keyed: readonly FlowRunCreate[]
  /** A queue with a tag filter of `size` tags and `size` deployments, which one run meets. */
  readonly filtering: string
  /** A queue with one RUNNING run that has entered RUNNING `size` times. */
  readonly historic: string
  readonly historicRun: string
}

const BATCH = 500

type Row = Record<string, unknown>

/** Makes the database. Every name ends in a number, so that neither ids nor names are in the order of the rows. */
export async function createProductWorld(server: Server, size: number, isAnalyzed: boolean): Promise<ProductWorld> {
  const database = await server.open()
  const { db } = database
  const isPostgres = database.name === 'PostgreSQL'
  const insert = async (table: keyof WorkQueueTables, rows: readonly Row[]): Promise<void> => {
    for (let i = 0; i < rows.length; i += BATCH) {
      await (db as Kysely<any>)
        .insertInto(table)
        .values(rows.slice(i, i + BATCH))
        .execute()
    }
  }
  const many = <T>(make: (n: number) => T): T[] => Array.from({ length: size }, (_, n) => make(n))
  const time = (text: string): string => (isPostgres ? `${text}Z` : `${text}.000000`)
  const json = (value: unknown): unknown =>
    isPostgres ? sql`cast(${JSON.stringify(value)} as jsonb)` : JSON.stringify(value)

  const pool = randomUUID()
  const pools = many(() => randomUUID())
  const poolNames = many((n) => `pool ${n}`)
  const queuesOfPools = many(() => randomUUID())
  const queues = many(() => randomUUID())
  const queueNames = many((n) => `queue ${n}`)
  const filtering = randomUUID()
  const historic = randomUUID()
  const deployments = many(() => randomUUID())
  const tags = many((n) => `tag ${n}`)
  const base = { type: 'process', status: 'READY' }
  await insert('work_pool', [
    { ...base, id: pool, name: 'crowd', concurrency_limit: 1_000_000 },
    ...many((n) => ({ ...base, id: pools[n], name: poolNames[n], concurrency_limit: null })),
  ])
  const polled = { status: 'READY', last_polled: time('2026-01-01 00:00:00') }
  await insert('work_queue', [
    ...many((n) => ({
      ...polled,
      id: queues[n],
      name: queueNames[n],
      priority: n + 1,
      work_pool_id: pool,
      concurrency_limit: n % 2 === 0 ? 5 : null,
    })),
    ...many((n) => ({
      ...polled,
      id: queuesOfPools[n],
      name: 'default',
      priority: 1,
      work_pool_id: pools[n],
      concurrency_limit: null,
    })),
  ])
  const lone = { work_pool_id: pools[0], concurrency_limit: 10, ...polled }
  await insert('work_queue', [
    { ...lone, id: filtering, name: 'filtering', priority: 2, filter: json({ tags, deployment_ids: deployments }) },
    { ...lone, id: historic, name: 'historic', priority: 3, filter: null },
  ])
  for (let i = 0; i < size; i += BATCH) {
    await sql`update work_pool set default_queue_id = (
      select queue.id from work_queue as queue where queue.work_pool_id = work_pool.id and queue.priority = 1)
      where id in (${sql.join(pools.slice(i, i + BATCH))})`.execute(db)
  }
  await insert(
    'worker',
    many((n) => ({
      id: randomUUID(),
      name: `worker ${n}`,
      work_pool_id: pool,
      status: 'ONLINE',
      last_heartbeat_time: time('2026-01-01 00:00:00'),
    })),
  )

  const flows = many(() => randomUUID())
  const runs = many(() => randomUUID())
  const runNames = many((n) => `run ${n}`)
  const historicRun = randomUUID()
  const scheduled = {
    state_type: 'SCHEDULED',
    state_name: 'Scheduled',
    next_scheduled_start_time: time('2026-01-01 00:00:00'),
  }
  const pending = { state_type: 'PENDING', state_name: 'Pending', state_timestamp: time('2026-01-01 00:00:00') }
  const running = { state_type: 'RUNNING', state_name: 'Running' }
  const keyed = many((n) => ({ flowId: flows[n] as string, idempotencyKey: `key ${n}` }))
  await insert(
    'flow_run',
    many((n) => ({
      ...scheduled,
      id: runs[n],
      name: runNames[n],
      flow_id: flows[n],
      idempotency_key: `key ${n}`,
      work_queue_id: queues[n],
      work_queue_name: queueNames[n],
      deployment_id: deployments[n],
    })),
  )
  const others = { name: 'other', flow_id: randomUUID() }
  await insert(
    'flow_run',
    many((n) => ({ ...others, ...scheduled, id: randomUUID(), work_queue_id: queuesOfPools[n] })),
  )
  await insert(
    'flow_run',
    many((n) => ({ ...others, ...pending, id: randomUUID(), work_queue_id: queues[n] })),
  )
  await insert('flow_run', [
    {
      ...others,
      ...running,
      id: historicRun,
      work_queue_id: historic,
      deployment_id: deployments[0],
      tags: json(tags),
    },
    { ...others, ...scheduled, id: randomUUID(), work_queue_id: null, deployment_id: deployments[1], tags: json(tags) },
  ])
  await insert(
    'flow_run_state',
    many((n) => ({
      id: randomUUID(),
      ...(n === Math.floor(size / 2) ? { type: 'SCHEDULED', name: 'Scheduled' } : { type: 'RUNNING', name: 'Running' }),
      timestamp: time(new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString().slice(0, 19).replace('T', ' ')),
      flow_run_id: historicRun,
    })),
  )
  // As everywhere, a run has a few states: with one run in the table, both planners would expect all states of each.
  await insert(
    'flow_run_state',
    runs.map((flow_run_id) => ({
      id: randomUUID(),
      type: 'SCHEDULED',
      name: 'Scheduled',
      timestamp: time('2026-01-01 00:00:00'),
      flow_run_id,
    })),
  )
  if (isAnalyzed) await analyze(database)
  return {
    size,
    database,
    db,
    pool,
    queues,
    queueNames,
    pools,
    poolNames,
    queuesOfPools,
    runs,
    runNames,
    flows,
    keyed,
    filtering,
    historic,
    historicRun,
  }
}
