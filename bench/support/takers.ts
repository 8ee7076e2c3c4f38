import { getUtilsAndReleasersFromOptions } from 'graphile-worker/dist/lib.js'
import { batchCompleteJobs } from 'graphile-worker/dist/sql/completeJobs.js'
import { batchGetJobs } from 'graphile-worker/dist/sql/getJobs.js'
import { Kysely, PostgresDialect } from 'kysely'
import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  createWorkPool,
  createWorkQueue,
  setFlowRunStates,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { withPreparedStatements } from 'kysely-work-queues/postgres'
import pg from 'pg'
import type { BenchDatabase } from './bench-databases.js'
import { seedHistory, seedRuns } from './seed.js'
import { now } from './backlog-world.js'

/** Something that takes jobs of a queue, ten at a time: a peer, or ourselves. */
export interface Taker extends AsyncDisposable {
  /** Takes jobs, and returns what ends them. */
  readonly take: () => Promise<Batch>
}

export interface Batch {
  readonly size: number
  /** Ends all of them. */
  readonly end: () => Promise<void>
}

export const BATCH = 10

/** How a taker is set up. */
interface TakerOptions {
  readonly backlog: number
  readonly connections: number
  /** Where the server is reached, in place of its own port. */
  readonly port?: number | undefined
}

export type MakeTaker = (database: BenchDatabase, options: TakerOptions) => Promise<Taker>

/** More than is ever active here, so that a limit is counted and never met. */
const LIMIT = 1_000_000

export const OURS = {
  queue: '`claimRunsInWorkQueue`',
  limitedQueue: '`claimRunsInWorkQueue`, queue and pool limited',
  pool: '`claimScheduledFlowRuns`',
  limitedPool: '`claimScheduledFlowRuns`, queue and pool limited',
} as const

export const GRAPHILE_WORKER = 'graphile-worker 0.17'

/** All takers that run in this process, by name. */
export const TAKERS: Readonly<Record<string, MakeTaker>> = {
  ...named(OURS.queue, { limit: null, by: 'queue' }),
  ...named(OURS.limitedQueue, { limit: LIMIT, by: 'queue' }),
  ...named(OURS.pool, { limit: null, by: 'pool' }),
  ...named(OURS.limitedPool, { limit: LIMIT, by: 'pool' }),
  [GRAPHILE_WORKER]: graphileWorker({ isPrepared: false }),
  [prepared(GRAPHILE_WORKER)]: graphileWorker({ isPrepared: true }),
}

/** The name of the same with prepared statements. */
export function prepared(name: string): string {
  return `${name}, prepared`
}

function named(name: string, what: { limit: number | null; by: 'queue' | 'pool' }): Record<string, MakeTaker> {
  return { [name]: ours({ ...what, isPrepared: false }), [prepared(name)]: ours({ ...what, isPrepared: true }) }
}

function ours({
  limit,
  by,
  isPrepared,
}: {
  limit: number | null
  by: 'queue' | 'pool'
  isPrepared: boolean
}): MakeTaker {
  return async (database, options) => {
    const { id: workPoolId } = await createWorkPool(database.db, { name: 'pool', concurrencyLimit: limit })
    const queue = await createWorkQueue(database.db, { name: 'queue', workPoolId, concurrencyLimit: limit })
    await seedRuns(database, { workQueueId: queue.id, count: options.backlog })
    await seedHistory(database)
    const pool = openPool(database, options)
    const db = new Kysely<WorkQueueTables>({
      dialect: new PostgresDialect({ pool: isPrepared ? withPreparedStatements(pool) : pool }),
    })
    const due = { limit: BATCH, scheduledBefore: now }
    const claim = async (): Promise<string[]> =>
      by === 'queue'
        ? (await claimRunsInWorkQueue(db, queue.id, due)).runs.map(({ id }) => id)
        : (await claimScheduledFlowRuns(db, { workPoolIds: [workPoolId], ...due })).map(({ flowRun }) => flowRun.id)
    return {
      async take() {
        const ids = await claim()
        return {
          size: ids.length,
          end: async () =>
            void (await setFlowRunStates(
              db,
              ids.map((id) => ({ id, type: 'COMPLETED' })),
            )),
        }
      },
      [Symbol.asyncDispose]: async () => await db.destroy(),
    }
  }
}

/** Through the functions that its worker calls, which it does not export by name. Its default is to prepare its statements. */
function graphileWorker({ isPrepared }: { isPrepared: boolean }): MakeTaker {
  return async (database, options) => {
    const pgPool = openPool(database, options)
    const [utils, release] = await getUtilsAndReleasersFromOptions({ pgPool, noPreparedStatements: !isPrepared })
    for (let i = 0; i < options.backlog; i += 10_000) {
      const count = Math.min(10_000, options.backlog - i)
      await utils.addJobs(Array.from({ length: count }, () => ({ identifier: 'task', payload: {} })))
    }
    const tasks = { task: () => {} }
    return {
      async take() {
        const jobs = await batchGetJobs(utils, utils.withPgClient, tasks, 'pool', null, BATCH)
        return { size: jobs.length, end: async () => await batchCompleteJobs(utils, utils.withPgClient, 'pool', jobs) }
      },
      async [Symbol.asyncDispose]() {
        await release()
        await pgPool.end()
      },
    }
  }
}

function openPool({ driver }: BenchDatabase, { connections, port }: TakerOptions): pg.Pool {
  if (driver.kind !== 'postgres') throw new Error('takers need PostgreSQL')
  const url = new URL(driver.url)
  if (port !== undefined) url.port = String(port)
  const pool = new pg.Pool({ connectionString: url.href, max: connections })
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}
