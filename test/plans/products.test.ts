import { CompiledQuery, sql } from 'kysely'
import {
  createFlowRuns,
  getScheduledFlowRuns,
  readFlowRuns,
  readNextStartTime,
  readWorkPools,
  readWorkPoolSlotHolders,
  readWorkPoolStats,
  readWorkQueues,
  readWorkQueueSlotHolders,
  readWorkQueueStats,
  recordWorkQueuePolls,
  releaseStaleClaims,
} from 'kysely-work-queues'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testId } from '../support/factory.js'
import { createDatabase, type Db, type PlanDatabase } from './plan-database.js'
import { record, undone } from './plan-recorder.js'
import { type ListedRows, seedLists } from './seed-lists.js'
import { titled } from './titled.js'

// What a call with a list reads must grow with the list and with the table, and not with their product. `npm run bench:products` has
// all calls, and measures the processor's time; here are those that once cost a product, and the rows that they read are counted.

const now = new Date('2035-01-01T12:00:00.000Z')
const SIZE = 500

interface Call {
  readonly title: string
  readonly call: (db: Db, world: ListedRows) => Promise<unknown>
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
    title: 'readWorkQueueStats of queues of one pool',
    call: (db, { queues, pools, pool }) =>
      readWorkQueueStats(db, { workQueueIds: queues, workPoolIds: [...pools, pool], now }),
  },
  {
    title: 'readWorkQueueStats of queues of many pools',
    call: (db, { queuesOfPools }) => readWorkQueueStats(db, { workQueueIds: queuesOfPools, now }),
  },
  {
    title: 'readWorkPoolStats',
    call: (db, { pools, pool }) => readWorkPoolStats(db, { workPoolIds: [...pools, pool], now }),
  },
  {
    title: 'readNextStartTime of queues',
    call: (db, { queuesOfPools, pools }) => readNextStartTime(db, { workQueueIds: queuesOfPools, workPoolIds: pools }),
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
  const worlds: { database: PlanDatabase; world: ListedRows }[] = []

  beforeAll(async () => {
    for (const size of [SIZE, 2 * SIZE]) {
      let world: ListedRows | undefined
      const database = await createDatabase(dialect, 'our tables', async (filling) => {
        world = await seedLists(filling, size)
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
    .replaceAll('on pool.id = queue.work_pool_id', '$& and visited(pool.id)')
    .replaceAll(/keyed\.flow_id = /g, 'visited(keyed.id) and $&')
    .replaceAll(/(state|other|later)\.flow_run_id = run\.id/g, '$& and visited($1.id)')
  database.visits = 0
  await trx.executeQuery(CompiledQuery.raw(counting, [...query.parameters]))
  return database.visits
}
