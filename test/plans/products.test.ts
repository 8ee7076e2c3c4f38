import { CompiledQuery, sql } from 'kysely'
import {
  createFlowRuns,
  getScheduledFlowRuns,
  readFlowRuns,
  readWorkPools,
  readWorkPoolSlotHolders,
  readWorkQueues,
  readWorkQueueSlotHolders,
  recordWorkQueuePolls,
  releaseStaleClaims,
} from 'kysely-work-queues'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { factory, testId } from '../support/factory.js'
import { createDatabase, type Db, type PlanDatabase } from './plan-database.js'
import { record, undone } from './plan-recorder.js'
import { titled } from './titled.js'

// What a call with a list reads must grow with the list and with the table, and not with their product. `npm run bench:products` has
// all calls, and measures the processor's time; here are those that once cost a product, and the rows that they read are counted.

const now = new Date('2035-01-01T12:00:00.000Z')
const SIZE = 500

interface World {
  readonly size: number
  readonly pool: string
  readonly pools: readonly string[]
  readonly queues: readonly string[]
  readonly queuesOfPools: readonly string[]
  readonly names: readonly string[]
  readonly flows: readonly string[]
  readonly historic: string
}

/** A pool of so many queues, each with a keyed due run and a PENDING one, as many pools, and a run with as many states. */
async function seed(database: PlanDatabase, size: number): Promise<World> {
  const make = factory(database)
  const many = <T>(one: (n: number) => T): T[] => Array.from({ length: size }, (_, n) => one(n))
  const pool = await make.pool()
  const base = { type: 'process', base_job_template: {}, storage_configuration: {}, status: 'READY' }
  const names = many((n) => `row ${n}`)
  const pools = await make.rows(
    'work_pool',
    many((n) => ({ name: `row ${n}`, ...base })),
  )
  const queue = { description: '', status: 'READY' }
  const queues = await make.rows(
    'work_queue',
    many((n) => ({ name: `row ${n}`, priority: n + 2, work_pool_id: pool, ...queue })),
  )
  const queuesOfPools = await make.rows(
    'work_queue',
    pools.map((work_pool_id) => ({ name: 'default', priority: 1, work_pool_id, ...queue })),
  )
  const flows = many((n) => testId(n, 77))
  const due = { state_type: 'SCHEDULED', state_name: 'Scheduled', next_scheduled_start_time: new Date(0) }
  await make.runs(
    many((n) => ({ ...due, work_queue_id: queues[n] ?? '', flow_id: flows[n] ?? '', idempotency_key: `row ${n}` })),
  )
  await make.runs(queuesOfPools.map((work_queue_id) => ({ ...due, work_queue_id })))
  const pending = { state_type: 'PENDING', state_name: 'Pending', state_timestamp: new Date(0) }
  const claimed = await make.runs(queues.map((work_queue_id) => ({ ...pending, work_queue_id })))
  const historic = await make.queue({ name: 'historic' })
  const flow_run_id = await make.run({ work_queue_id: historic, state_type: 'RUNNING', state_name: 'Running' })
  await make.rows(
    'flow_run_state',
    many((n) => ({
      flow_run_id,
      type: n === Math.floor(size / 2) ? 'SCHEDULED' : 'RUNNING',
      name: 'state',
      timestamp: new Date(n * 1000),
    })),
  )
  // As everywhere, a run has a few states: were there those of one run only, all of them would be expected of each.
  await make.rows(
    'flow_run_state',
    claimed.map((id) => ({ flow_run_id: id, type: 'PENDING', name: 'Pending', timestamp: new Date(0) })),
  )
  return { size, pool, pools, queues, queuesOfPools, names, flows, historic }
}

interface Call {
  readonly title: string
  readonly call: (db: Db, world: World) => Promise<unknown>
}

const calls: readonly Call[] = [
  {
    title: 'getScheduledFlowRuns of queues of one pool',
    call: (db, { queues }) => getScheduledFlowRuns(db, { workQueueIds: queues, scheduledBefore: now }),
  },
  {
    title: 'getScheduledFlowRuns of queues of many pools',
    call: (db, { queuesOfPools, pools }) =>
      getScheduledFlowRuns(db, { workPoolIds: pools, workQueueIds: queuesOfPools, scheduledBefore: now }),
  },
  {
    title: 'getScheduledFlowRuns of queues, whatever their priorities',
    call: (db, { queues }) =>
      getScheduledFlowRuns(db, { workQueueIds: queues, scheduledBefore: now, respectQueuePriorities: false }),
  },
  {
    title: 'createFlowRuns with keys that are there',
    call: (db, { flows }) =>
      createFlowRuns(
        db,
        flows.map((flowId, n) => ({ flowId, idempotencyKey: `row ${n}` })),
      ),
  },
  {
    title: 'readWorkQueues by ids, names and prefixes',
    call: (db, { queues, names }) =>
      readWorkQueues(db, { filter: { id: { any: [...queues] }, name: { any: [...names], startsWith: [...names] } } }),
  },
  {
    title: 'readWorkQueues of a pool, by ids',
    call: (db, { pool, queues }) => readWorkQueues(db, { workPoolId: pool, filter: { id: { any: [...queues] } } }),
  },
  {
    title: 'readWorkPools by names and types',
    call: (db, { names }) =>
      readWorkPools(db, { filter: { name: { any: [...names] }, type: { any: [...names, 'process'] } } }),
  },
  {
    title: 'readFlowRuns by flows, queues and names',
    call: (db, { flows, queues, names }) =>
      readFlowRuns(db, {
        filter: { flowId: { any: [...flows] }, workQueueId: { any: [...queues] }, name: { any: [...names] } },
      }),
  },
  {
    title: 'readWorkPoolSlotHolders of queues',
    call: (db, { pool, queues }) => readWorkPoolSlotHolders(db, pool, { workQueueIds: queues }),
  },
  {
    title: 'readWorkQueueSlotHolders with a history',
    call: (db, { historic }) => readWorkQueueSlotHolders(db, historic),
  },
  {
    title: 'recordWorkQueuePolls',
    call: (db, { queues }) => recordWorkQueuePolls(db, { polledWorkQueueIds: queues, readyWorkQueueIds: queues }),
  },
  {
    title: 'releaseStaleClaims of queues',
    call: (db, { queuesOfPools }) => releaseStaleClaims(db, { pendingBefore: now, workQueueIds: queuesOfPools, now }),
  },
]

describe.each(['postgres', 'sqlite'] as const)('a list twice as long in a table twice as large, on %s', (dialect) => {
  const worlds: { database: PlanDatabase; world: World }[] = []

  beforeAll(async () => {
    for (const size of [SIZE, 2 * SIZE]) {
      let world: World | undefined
      const database = await createDatabase(dialect, 'our tables', async (filling) => {
        world = await seed(filling, size)
      })
      if (world !== undefined) worlds.push({ database, world })
    }
  })
  afterAll(async () => {
    for (const { database } of worlds) await database.destroy()
  })

  const expectNoProduct = async ({ call }: Call): Promise<void> => {
    const costs: number[] = []
    for (const { database, world } of worlds) {
      const queries = await record(database, (db) => call(db, world))
      expect(queries.length).toBeGreaterThan(0)
      costs.push(await undone(database, async (trx) => await costOf(database, trx, queries)))
    }
    const [small = 0, large = Infinity] = costs
    // Twice is right, four times a product; a plan of one step more is neither.
    expect(large, `${small} rows, then ${large}`).toBeLessThanOrEqual(3.2 * small + 20)
  }

  describe('statistics absent', () => {
    test.each(titled(calls))('%s', async (_, call) => await expectNoProduct(call))
  })
  describe('statistics fresh', () => {
    beforeAll(async () => {
      for (const { database } of worlds) await sql`analyze`.execute(database.plain)
    })
    test.each(titled(calls))('%s', async (_, call) => await expectNoProduct(call))
  })
})

// Two lists were looked up as each flow with each key: on SQLite, without statistics, 40 s for 20,000 runs.
test('a key is looked up with its flow, on SQLite', async () => {
  const database = await createDatabase('sqlite', 'our tables', async () => {})
  const runs = [1, 2].map((n) => ({ flowId: testId(n), idempotencyKey: `key ${n}` }))
  await createFlowRuns(database.plain, runs)
  const queries = await record(database, (db) => createFlowRuns(db, runs))
  const query = queries.find((each) => each.sql.includes('idempotency_key =')) ?? CompiledQuery.raw('select 0')
  const { rows } = await database.plain.executeQuery<{ detail: string }>(
    CompiledQuery.raw(`explain query plan ${query.sql}`, [...query.parameters]),
  )
  await database.destroy()
  const plan = rows.map(({ detail }) => detail).join('\n')
  expect(plan).toMatch(/SCAN wanted .*\nSEARCH keyed USING .*\(flow_id=\? AND idempotency_key=\?\)/)
  expect(plan.match(/LIST SUBQUERY/g)).toHaveLength(1)
})

async function costOf(database: PlanDatabase, trx: Db, queries: readonly CompiledQuery[]): Promise<number> {
  let cost = 0
  for (const query of queries) {
    cost += await (database.dialect === 'postgres' ? rowsOnPostgres(trx, query) : rowsOnSqlite(database, trx, query))
  }
  return cost
}

interface Node {
  readonly Filter?: string
  readonly 'Join Filter'?: string
  readonly Output?: readonly string[]
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Join Filter'?: number
  readonly Plans?: readonly Node[]
}

/** How many rows all steps of the plan saw. A list that a filter goes through is seen as often as rows are filtered. */
async function rowsOnPostgres(trx: Db, query: CompiledQuery): Promise<number> {
  const { rows } = await trx.executeQuery<{ 'QUERY PLAN': { Plan: Node }[] }>(
    CompiledQuery.raw(`explain (analyze, verbose, timing off, format json) ${query.sql}`, [...query.parameters]),
  )
  const lengths = query.parameters.map((value) => (typeof value === 'string' ? value.split(',').length : 1))
  const rowsOf = (node: Node): number => {
    const seen =
      node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Join Filter'] ?? 0)
    const goesThrough = /= ANY \((?!'\{)/.test(`${node.Filter} ${node['Join Filter']} ${node.Output?.join()}`)
    const own = seen * node['Actual Loops'] * (goesThrough ? Math.max(1, ...lengths) : 1)
    return (node.Plans ?? []).reduce((sum, child) => sum + rowsOf(child), own)
  }
  const plan = rows[0]?.['QUERY PLAN'][0]?.Plan
  if (plan === undefined) throw new Error(`no plan of ${query.sql}`)
  return rowsOf(plan)
}

/** How many queues, keyed runs and states were looked at, by a function that counts its calls. */
async function rowsOnSqlite(database: PlanDatabase, trx: Db, query: CompiledQuery): Promise<number> {
  const counting = query.sql
    .replaceAll('not queue.is_paused', 'visited(queue.id)')
    .replaceAll(/keyed\.flow_id = /g, 'visited(keyed.id) and $&')
    .replaceAll(/(state|other|later)\.flow_run_id = run\.id/g, '$& and visited($1.id)')
  database.visits = 0
  await trx.executeQuery(CompiledQuery.raw(counting, [...query.parameters]))
  return database.visits
}
