import { createWorkPool, readNextStartTime, readWorkPoolStats, readWorkQueueStats } from 'kysely-work-queues'
import { sql } from 'kysely'
import type { BenchDatabase, Server } from '../support/bench-databases.js'
import { measure, progress, type Timed, timeOf } from '../support/measure.js'
import { countText, type Goal, ms, ratioText, table } from '../support/report.js'
import { analyze, seedRuns, withoutIndexes } from '../support/seed.js'
import { now } from '../support/backlog-world.js'

const POOLS = 10
const QUEUES = 1_000

/** Times the figures of a thousand queues, with so many runs due in each. */
export async function measureStats(
  server: Server,
  sizes: readonly number[],
): Promise<{ text: string; goals: Goal[]; version: string }> {
  const measured: Map<string, number>[] = []
  let version = ''
  for (const size of sizes) {
    await using database = await server.open()
    version = database.version
    const { pool, queue } = await seed(database, size)
    progress(`${server.name}: seeded ${countText(QUEUES * size)} due runs`)
    measured.push(await measure(callsOf(database, pool, queue), { time: 1, rounds: 3, mostRounds: 5 }))
    progress(`${server.name}: measured`)
  }
  const names = [...(measured[0]?.keys() ?? [])]
  const growth = (name: string): number =>
    timeOf(measured.at(-1) ?? new Map(), name) / timeOf(measured[0] ?? new Map(), name)
  const rows = names.map((name) => [name, ...measured.map((times) => ms(timeOf(times, name))), ratioText(growth(name))])
  const goals = names
    .filter((name) => !name.startsWith('by hand') && !name.endsWith('1000'))
    .map((name) => ({
      name: `${name}, ${countText(QUEUES * (sizes.at(-1) ?? 0))} against ${countText(QUEUES * (sizes[0] ?? 0))} due runs, ${server.name}`,
      ratio: growth(name),
      atMost: 3,
    }))
  const head = ['ms, by the number of due runs', ...sizes.map((size) => countText(QUEUES * size)), 'last/first']
  return { text: table(head, rows), goals, version }
}

function expectRows(found: readonly unknown[], wanted: number): void {
  if (found.length !== wanted) throw new Error(`${found.length} rows instead of ${wanted}`)
}

function callsOf({ db }: BenchDatabase, pool: string, queue: string): Timed[] {
  return [
    ...[1000, 100].map((cap) => ({
      name: `\`readWorkQueueStats\` of ${QUEUES} queues, cap ${cap}`,
      run: async () => expectRows(await readWorkQueueStats(db, { cap, now }), QUEUES + POOLS),
    })),
    {
      name: `\`readWorkQueueStats\` of a pool's ${QUEUES / POOLS} queues, cap 100`,
      run: async () =>
        expectRows(await readWorkQueueStats(db, { workPoolIds: [pool], cap: 100, now }), QUEUES / POOLS + 1),
    },
    {
      name: '`readWorkQueueStats` of one queue, cap 100',
      run: async () => expectRows(await readWorkQueueStats(db, { workQueueIds: [queue], cap: 100, now }), 1),
    },
    {
      name: `\`readWorkPoolStats\` of ${POOLS} pools, cap 1000`,
      run: async () => expectRows(await readWorkPoolStats(db, { now }), POOLS),
    },
    { name: `\`readNextStartTime\` of ${QUEUES} queues`, run: async () => await readNextStartTime(db) },
    {
      name: 'by hand: due runs by queue, all counted',
      run: async () =>
        await sql`select work_queue_id, count(*) from flow_run where state_type = 'SCHEDULED' group by work_queue_id`.execute(
          db,
        ),
    },
  ]
}

/** Ten pools with a limit, of a hundred queues each, of which every other has a limit; each has one active run. */
async function seed(database: BenchDatabase, size: number): Promise<{ pool: string; queue: string }> {
  const isPostgres = database.name === 'PostgreSQL'
  const ids: string[] = []
  await withoutIndexes(database, async () => {
    for (let n = 0; n < POOLS; n++) {
      const { id } = await createWorkPool(database.db, { name: `pool ${n}`, concurrencyLimit: 5_000 })
      ids.push(id)
      const series = isPostgres
        ? `generate_series(1, ${QUEUES / POOLS}) as n(i)`
        : `(with recursive n(i) as (select 1 union all select i + 1 from n where i < ${QUEUES / POOLS}) select i from n)`
      await database.run(`
        insert into work_queue (name, priority, concurrency_limit, work_pool_id)
        select 'queue ' || i, i + 1, case when i % 2 = 0 then 50 end, '${id}' from ${series}`)
    }
    const queues = await database.db.selectFrom('work_queue').select('id').where('name', 'like', 'queue %').execute()
    for (const { id } of queues) {
      await seedRuns(database, { workQueueId: id, count: 1, stateType: 'RUNNING' })
      await seedRuns(database, { workQueueId: id, count: size })
    }
  })
  await analyze(database)
  const [pool = ''] = ids
  const found = await database.db
    .selectFrom('work_queue')
    .select('id')
    .where('work_pool_id', '=', pool)
    .where('priority', '=', 2)
    .executeTakeFirstOrThrow()
  return { pool, queue: found.id }
}
