import { getUtilsAndReleasersFromOptions } from 'graphile-worker/dist/lib.js'
import { batchGetJobs } from 'graphile-worker/dist/sql/getJobs.js'
import { claimRunsInWorkQueue, createWorkPool, createWorkQueue } from 'kysely-work-queues'
import PgBoss from 'pg-boss'
import type { BenchDatabase, Server } from '../support/bench-databases.js'
import { measure, progress, timeOf } from '../support/measure.js'
import { countText, ms, ratioText, table } from '../support/report.js'
import { analyze, seedRuns } from '../support/seed.js'
import { now } from '../support/world.js'

const BATCH = 10

/** Something that takes ten jobs of a queue: a peer, or ourselves. */
interface Taker {
  readonly fetch: () => Promise<number>
  readonly end: () => Promise<void>
}

const OURS = '`claimRunsInWorkQueue`'

const TAKERS: Readonly<Record<string, (database: BenchDatabase, size: number) => Promise<Taker>>> = {
  [OURS]: async (database, size) => await ours(database, size, null),
  [`${OURS}, queue and pool limited`]: async (database, size) => await ours(database, size, 1_000_000),
  'pg-boss 10.4 `fetch`': pgBoss,
  'graphile-worker 0.17 job fetch': graphileWorker,
}

async function ours(database: BenchDatabase, size: number, concurrencyLimit: number | null): Promise<Taker> {
  const { db } = database
  const pool = await createWorkPool(db, { name: 'pool', concurrencyLimit })
  const queue = await createWorkQueue(db, { name: 'queue', workPoolId: pool.id, concurrencyLimit })
  await seedRuns(database, { workQueueId: queue.id, count: size })
  return {
    async fetch() {
      const { runs } = await claimRunsInWorkQueue(db, queue.id, { limit: BATCH, scheduledBefore: now })
      return runs.length
    },
    end: async () => {},
  }
}

async function pgBoss({ driver }: BenchDatabase, size: number): Promise<Taker> {
  if (driver.kind !== 'postgres') throw new Error('pg-boss needs PostgreSQL')
  const boss = new PgBoss({ connectionString: driver.url, supervise: false, schedule: false })
  await boss.start()
  await boss.createQueue('queue')
  for (let i = 0; i < size; i += 10_000) {
    await boss.insert(Array.from({ length: Math.min(10_000, size - i) }, () => ({ name: 'queue', data: {} })))
  }
  return {
    fetch: async () => (await boss.fetch('queue', { batchSize: BATCH })).length,
    end: async () => await boss.stop({ graceful: false, wait: true }),
  }
}

/** Through the function that its worker calls, which it does not export by name. */
async function graphileWorker({ driver }: BenchDatabase, size: number): Promise<Taker> {
  if (driver.kind !== 'postgres') throw new Error('graphile-worker needs PostgreSQL')
  const [utils, release] = await getUtilsAndReleasersFromOptions({ pgPool: driver.pool })
  for (let i = 0; i < size; i += 10_000) {
    await utils.addJobs(Array.from({ length: Math.min(10_000, size - i) }, () => ({ identifier: 'task', payload: {} })))
  }
  const tasks = { task: () => {} }
  return {
    fetch: async () => (await batchGetJobs(utils, utils.withPgClient, tasks, 'pool', null, BATCH)).length,
    end: async () => await release(),
  }
}

/** Times the taking of ten jobs at equal backlog, on one PostgreSQL server, each in a database of its own. */
export async function measurePeers(server: Server, sizes: readonly number[]): Promise<string> {
  const rows = new Map<string, string[]>(Object.keys(TAKERS).map((name) => [name, []]))
  for (const size of sizes) {
    const opened: (Taker & { readonly name: string; readonly database: BenchDatabase })[] = []
    for (const [name, make] of Object.entries(TAKERS)) {
      const database = await server.open()
      opened.push({ name, database, ...(await make(database, size)) })
      await analyze(database)
    }
    const times = await measure(
      opened.map(({ name, fetch }) => ({
        name,
        run: async () => {
          const taken = await fetch()
          if (taken !== BATCH) throw new Error(`${name} took ${taken} instead of ${BATCH}`)
        },
      })),
      { rounds: 4, time: 100 },
    )
    for (const { name } of opened) {
      const time = timeOf(times, name)
      rows.get(name)?.push(ms(time), ratioText(time / timeOf(times, OURS)))
    }
    for (const { end, database } of opened) {
      await end()
      await database[Symbol.asyncDispose]()
    }
    progress(`claims beside pg-boss and graphile-worker, ${countText(size)} jobs`)
  }
  const head = sizes.flatMap((size) => [`${countText(size)} ready, ms`, 'this / ours'])
  return `${table(
    [`taking ${BATCH}`, ...head],
    [...rows].map(([name, cells]) => [name, ...cells]),
  )}\n\n${WHAT_THEY_DO}`
}

const WHAT_THEY_DO = `What each of these calls does, and does not:

- \`claimRunsInWorkQueue\` looks first, then in a transaction of its own takes the queue's and the pool's turn, polls again with
  \`for update skip locked\`, inserts a row of state history for each run, and updates the runs: a dozen round trips, \`begin\` and
  \`commit\` among them. Concurrency limits of queue and pool hold exactly, pauses and priorities count, the order is total, and
  the whole run comes back (27 columns).
- pg-boss \`fetch\` is one statement: it takes the ready jobs of a queue, by priority and age, marks them active and returns four
  columns. It keeps no history, knows no pools, pauses or limits across workers in this version (its policies limit by unique
  indexes), and sorts all ready jobs of the queue each time.
- graphile-worker's fetch is one prepared statement: it takes available jobs of the tasks it is given, by priority and time, locks
  them in the worker's name and returns the rows. Named queues run one job at a time; there are no other limits, pools, pauses
  or history.

These are the newest versions that say they run on Node 20. They do less in one call, and a smaller number here says no more than
that; what grows with the backlog is the point of the table.`
