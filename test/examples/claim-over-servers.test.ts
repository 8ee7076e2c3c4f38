import fc from 'fast-check'
import { Kysely, SqliteDialect } from 'kysely'
import {
  claimScheduledFlowRuns,
  countWorkPoolActiveSlots,
  readFlowRuns,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { describe, expect, test } from 'vitest'
import { claimOverServers, type Server } from '../../examples/many-databases/claim-over-servers.js'
import { type Intercept, intercepted } from '../concurrency/intercepted-dialect.js'
import { type DatabaseKind, openSqlite, sqliteFile, sqliteMemory, type TestDatabase } from '../support/databases.js'
import { urlOf } from '../support/database-url.js'
import { factory, type Row, testId } from '../support/factory.js'

// The same pools, all in one database and spread over three: what is claimed of the three is compared with what the library claims of
// the one.

const LONG_AGO = Date.UTC(2020, 0, 1)
const SERVERS = ['north', 'south', 'west']

interface Queue {
  readonly limit: number | null
  readonly isPaused: boolean
  /** The runs that are due, by the minute of their start. */
  readonly due: readonly number[]
  readonly active: number
  readonly cancelling: number
}

interface Pool {
  readonly server: number
  readonly limit: number | null
  readonly queues: readonly Queue[]
}

const limitOrNone = fc.option(fc.nat({ max: 6 }), { nil: null, freq: 1 })

function somePools(mostCancelling: number): fc.Arbitrary<Pool[]> {
  const queue = fc.record({
    limit: limitOrNone,
    isPaused: fc.nat({ max: 5 }).map((n) => n === 0),
    due: fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 5 }),
    active: fc.nat({ max: 2 }),
    cancelling: fc.nat({ max: mostCancelling }),
  })
  const pool = fc.record({
    server: fc.nat({ max: SERVERS.length - 1 }),
    limit: limitOrNone,
    queues: fc.array(queue, { minLength: 1, maxLength: 3 }),
  })
  return fc.array(pool, { minLength: 2, maxLength: 5 })
}

interface Worlds extends AsyncDisposable {
  readonly whole: TestDatabase
  readonly parts: readonly TestDatabase[]
  readonly servers: readonly Server[]
  readonly workPoolIds: readonly string[]
}

/** Makes the same rows in one database and in three. */
async function makeWorlds(pools: readonly Pool[], kind: DatabaseKind = sqliteMemory): Promise<Worlds> {
  const whole = await kind.create()
  const parts = await Promise.all(SERVERS.map(() => kind.create()))
  const workPoolIds: string[] = []
  let ids = 0
  for (const { server, limit, queues } of pools) {
    const workPoolId = testId(++ids, 7)
    workPoolIds.push(workPoolId)
    const first = ids
    for (const database of [whole, parts[server]]) {
      if (database === undefined) throw new Error('no such server')
      ids = first
      const make = factory(database)
      await make.rows('work_pool', [
        { id: workPoolId, name: `pool ${first}`, type: 'process', concurrency_limit: limit },
      ])
      for (const [n, queue] of queues.entries()) {
        const work_queue_id = testId(++ids, 7)
        await make.queue({
          id: work_queue_id,
          name: `queue ${ids}`,
          work_pool_id: workPoolId,
          // Equal ones in other pools, so that start times and ids decide too.
          priority: n + 1,
          concurrency_limit: queue.limit,
          is_paused: queue.isPaused,
        })
        const active = (state_type: string, count: number): Row[] =>
          Array.from({ length: count }, () => ({ id: testId(++ids, 7), work_queue_id, state_type }))
        const due = queue.due.map((minute) => ({
          // So that ids are not in the order of creation.
          id: testId((++ids * 7919) % 1000, 8),
          work_queue_id,
          state_type: 'SCHEDULED',
          next_scheduled_start_time: new Date(LONG_AGO + 60_000 * minute),
        }))
        await make.runs([...due, ...active('RUNNING', queue.active), ...active('CANCELLING', queue.cancelling)])
      }
    }
  }
  return {
    whole,
    parts,
    servers: parts.map(({ db }, n) => ({ name: SERVERS[n] ?? '', db })),
    workPoolIds,
    async [Symbol.asyncDispose]() {
      await Promise.all([whole, ...parts].map((database) => database.destroy()))
    },
  }
}

async function pendingOf(servers: readonly Server[]): Promise<string[]> {
  const pending = await Promise.all(
    servers.map(({ db }) => readFlowRuns(db, { filter: { stateType: { any: ['PENDING'] } } })),
  )
  return pending.flat().map(({ id }) => id)
}

describe('a claim over servers', () => {
  test('takes what a claim of one server with all pools would, in the same order', { timeout: 120_000 }, async () => {
    let several = 0
    await fc.assert(
      fc.asyncProperty(somePools(0), fc.nat({ max: 12 }), async (pools, limit) => {
        await using worlds = await makeWorlds(pools)
        const { whole, servers, workPoolIds } = worlds
        const wanted = await claimScheduledFlowRuns(whole.db, { workPoolIds, limit })
        const { claimed, failed } = await claimOverServers(servers, { workPoolIds, limit })
        expect(failed.size).toBe(0)
        const places = (found: readonly { workPoolId: string; workQueueId: string; flowRun: { id: string } }[]) =>
          found.map(({ workPoolId, workQueueId, flowRun }) => [flowRun.id, workQueueId, workPoolId])
        expect(places(claimed)).toEqual(places(wanted))
        expect((await pendingOf(servers)).toSorted()).toEqual(claimed.map(({ flowRun }) => flowRun.id).toSorted())
        if (new Set(claimed.map(({ server }) => server)).size > 1) several++
      }),
      { numRuns: 60 },
    )
    expect(several).toBeGreaterThan(10)
  })

  // Polls do not count these, and claims do: a look promises more than there is.
  test('takes as many where CANCELLING runs hold slots, and none above a limit', { timeout: 120_000 }, async () => {
    let short = 0
    await fc.assert(
      fc.asyncProperty(somePools(2), fc.nat({ max: 12 }), async (pools, limit) => {
        await using worlds = await makeWorlds(pools)
        const { whole, servers, workPoolIds } = worlds
        const wanted = await claimScheduledFlowRuns(whole.db, { workPoolIds, limit })
        const before = await countSlots(servers, workPoolIds)
        const { claimed } = await claimOverServers(servers, { workPoolIds, limit })
        expect(claimed).toHaveLength(wanted.length)
        expect(await pendingOf(servers)).toHaveLength(claimed.length)
        for (const [n, { limit: most }] of pools.entries()) {
          const id = workPoolIds[n] ?? ''
          const slots = (await countSlots(servers, workPoolIds)).get(id) ?? 0
          if (most !== null && slots > (before.get(id) ?? 0)) expect(slots).toBeLessThanOrEqual(most)
        }
        if (pools.some(({ queues }) => queues.some(({ cancelling }) => cancelling > 0))) short++
      }),
      { numRuns: 60 },
    )
    expect(short).toBeGreaterThan(10)
  })

  test.each([
    { what: 'in its look', failsAt: /^\s*with/ },
    { what: 'in its claim', failsAt: /^begin/ },
    { what: 'at the end of its claim', failsAt: /^commit/ },
  ])('of which one fails, $what, takes all it can of the others, and loses none', async ({ failsAt }) => {
    await using worlds = await makeWorlds(ONE_EACH, sqliteFile)
    const { workPoolIds } = worlds
    const error = new Error('unreachable')
    await using south = await between(worlds, async (statement, run) => {
      if (failsAt.test(statement)) throw error
      return await run()
    })
    const { claimed, failed } = await claimOverServers(south.servers, { workPoolIds, limit: 5 })
    expect([...failed]).toEqual([['south', error]])
    expect(claimed.map(({ server }) => server).toSorted()).toEqual(['north', 'north', 'north', 'west', 'west'])
    expect((await pendingOf(worlds.servers)).toSorted()).toEqual(claimed.map(({ flowRun }) => flowRun.id).toSorted())
  })

  test('gets the rest from the others where somebody else was quicker at one', async () => {
    await using worlds = await makeWorlds(ONE_EACH, sqliteFile)
    const { servers, workPoolIds } = worlds
    let isFirst = true
    // After the look at this server, and before its claim.
    await using south = await between(worlds, async (statement, run) => {
      if (statement === 'begin' && isFirst) {
        isFirst = false
        await claimScheduledFlowRuns((servers[1] as Server).db, { limit: 2 })
      }
      return await run()
    })
    const { claimed } = await claimOverServers(south.servers, { workPoolIds, limit: 6 })
    expect(isFirst).toBe(false)
    expect(claimed.map(({ server }) => server).toSorted()).toEqual(['north', 'north', 'north', 'south', 'west', 'west'])
    expect(await pendingOf(servers)).toHaveLength(8)
  })
})

/** A pool on each server, with a queue of three runs. */
const ONE_EACH: readonly Pool[] = SERVERS.map((_, server) => ({
  server,
  limit: null,
  queues: [{ limit: null, isPaused: false, due: [1, 2, 3], active: 0, cancelling: 0 }],
}))

/** The same servers, with somebody standing before each statement of the second. */
async function between(
  { parts, servers }: Worlds,
  intercept: Intercept,
): Promise<AsyncDisposable & { readonly servers: readonly Server[] }> {
  const file = await urlOf(parts[1] as TestDatabase)
  const dialect = intercepted(new SqliteDialect({ database: openSqlite(file) }), intercept)
  const db = new Kysely<WorkQueueTables>({ dialect })
  return {
    servers: servers.map((server, n) => (n === 1 ? { ...server, db } : server)),
    [Symbol.asyncDispose]: async () => await db.destroy(),
  }
}

async function countSlots(servers: readonly Server[], workPoolIds: readonly string[]): Promise<Map<string, number>> {
  const counts = await Promise.all(servers.map(({ db }) => countWorkPoolActiveSlots(db, workPoolIds, { by: 'claim' })))
  return new Map(counts.flatMap((each) => [...each]))
}
