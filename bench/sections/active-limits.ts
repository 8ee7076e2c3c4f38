import { Kysely, PostgresDialect } from 'kysely'
import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  createWorkPool,
  createWorkQueue,
  getRunsInWorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { withPreparedStatements } from 'kysely-work-queues/postgres'
import { now } from '../support/backlog-world.js'
import type { BenchDatabase, Server } from '../support/bench-databases.js'
import { putBack } from '../support/claimed-runs.js'
import { measure, progress, type Timed, timeOf } from '../support/measure.js'
import { countText, type Goal, ms, ratioText, table } from '../support/report.js'
import { analyze, seedRuns, withoutIndexes } from '../support/seed.js'

const BATCH = 10
const LARGE_BATCH = 100
const WAITING = 2_000
const due = { limit: BATCH, scheduledBefore: now }

/** What has the limit under which the runs are active. */
const OWNERS = ['none', 'queue', 'pool'] as const
type Owner = (typeof OWNERS)[number]

interface Place {
  readonly pool: string
  readonly queue: string
}

const NAMES: Record<Owner, string> = { none: 'no limit', queue: 'the queue limited', pool: 'the pool limited' }

/** Times claims and polls of queues with so many active runs each, under no limit, under the queue's, and under the pool's. */
export async function measureActiveLimits(
  server: Server,
  sizes: readonly number[],
): Promise<{ text: string; goals: Goal[]; version: string }> {
  const measured: Map<string, number>[] = []
  let version = ''
  for (const size of sizes) {
    await using database = await server.open()
    version = database.version
    measured.push(await measureWith(database, size))
    progress(`${server.name}: ${countText(size)} active runs under one limit`)
  }
  const names = [...(measured[0]?.keys() ?? [])]
  const growth = (name: string): number =>
    timeOf(measured.at(-1) ?? new Map(), name) / timeOf(measured[0] ?? new Map(), name)
  const rows = names.map((name) => [name, ...measured.map((times) => ms(timeOf(times, name))), ratioText(growth(name))])
  const rates = [BATCH, LARGE_BATCH].map((batch) => {
    const name = claimOf('queue', batch)
    return [name, ...measured.map((times) => Math.round((1000 * batch) / timeOf(times, name)).toLocaleString('en'))]
  })
  const free = claimOf('none')
  return {
    text: `${table([`${server.name}, ms, by the number of active runs`, ...sizes.map(countText), 'last/first'], rows)}

${table(['claimed a second under one limit, at most', ...sizes.map(countText)], rates)}`,
    goals: [
      {
        name: `${free}, ${countText(sizes.at(-1) ?? 0)} against ${countText(sizes[0] ?? 0)} active runs, ${server.name}`,
        ratio: growth(free),
        atMost: 1.3,
      },
    ],
    version,
  }
}

function claimOf(owner: Owner, batch = BATCH): string {
  return `\`claimRunsInWorkQueue\` of ${batch}, ${NAMES[owner]}`
}

async function measureWith(database: BenchDatabase, size: number): Promise<Map<string, number>> {
  const places = await seed(database, size)
  const { db, driver } = database
  let claimed: string[] = []
  const claim = (name: string, session: Kysely<WorkQueueTables>, { queue }: Place, limit = BATCH): Timed => ({
    name,
    run: async () => {
      claimed = (await claimRunsInWorkQueue(session, queue, { ...due, limit })).runs.map(({ id }) => id)
    },
    after: async () => await putBack(database, claimed, limit),
  })
  const timed = OWNERS.map((owner) => claim(claimOf(owner), db, places[owner]))
  for (const owner of ['none', 'queue'] as const) {
    timed.push(claim(claimOf(owner, LARGE_BATCH), db, places[owner], LARGE_BATCH))
  }
  if (driver.kind === 'postgres') {
    const dialect = new PostgresDialect({ pool: withPreparedStatements(driver.pool) })
    timed.push(claim(`${claimOf('queue')}, prepared`, new Kysely({ dialect }), places.queue))
  }
  timed.push(
    {
      name: `\`claimScheduledFlowRuns\` of ${BATCH}, the pool limited`,
      run: async () => {
        const taken = await claimScheduledFlowRuns(db, { workPoolIds: [places.pool.pool], ...due })
        claimed = taken.map(({ flowRun }) => flowRun.id)
      },
      after: async () => await putBack(database, claimed, BATCH),
    },
    {
      name: `\`getRunsInWorkQueue\` of ${BATCH}, the queue limited`,
      run: async () => await getRunsInWorkQueue(db, places.queue.queue, due),
    },
  )
  const times = await measure(timed)
  if (driver.kind === 'sqlite') return times

  // Each active run changes once more, and nothing is vacuumed: its index entries of before are still there.
  await database.run(`update flow_run set state_type = 'RUNNING', state_name = 'Running' where state_type = 'PENDING'`)
  const name = `${claimOf('queue')}, as many dead index entries`
  return new Map([...times, ...(await measure([claim(name, db, places.queue)]))])
}

async function seed(database: BenchDatabase, size: number): Promise<Record<Owner, Place>> {
  // Never met, so that a claim takes its ten; the count goes as far as there are active runs.
  const limit = size + 1_000
  const places = {} as Record<Owner, Place>
  await withoutIndexes(database, async () => {
    for (const owner of OWNERS) {
      const limitOf = (wanted: Owner): number | null => (owner === wanted ? limit : null)
      const { id: pool } = await createWorkPool(database.db, { name: owner, concurrencyLimit: limitOf('pool') })
      const { id: queue } = await createWorkQueue(database.db, {
        name: owner,
        workPoolId: pool,
        concurrencyLimit: limitOf('queue'),
      })
      await seedRuns(database, { workQueueId: queue, count: size, stateType: 'PENDING' })
      await seedRuns(database, { workQueueId: queue, count: WAITING })
      places[owner] = { pool, queue }
    }
  })
  await analyze(database)
  return places
}
