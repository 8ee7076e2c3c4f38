import { createWorkPool, getScheduledFlowRuns } from 'kysely-work-queues'
import type { BenchDatabase, Server } from '../support/bench-databases.js'
import { measure, timeOf } from '../support/measure.js'
import { type Goal, ms, ratioText, table } from '../support/report.js'
import { analyze, seedRuns, withoutIndexes } from '../support/seed.js'
import { now } from '../support/backlog-world.js'

const QUEUES = 1_000

const ONE = 'a pool with one queue'
const FIRST = `a pool with ${QUEUES} queues, the first with runs due`
const ALL = `a pool with ${QUEUES} queues, each with runs due`
const LAST = `a pool with ${QUEUES} queues, only the last with runs due`

/** Times a poll of ten runs of pools with one queue and with many, all limited. */
export async function measureQueues(server: Server): Promise<{ text: string; goals: Goal[] }> {
  await using database = await server.open()
  const pools = new Map<string, string>()
  await withoutIndexes(database, async () => {
    pools.set(ONE, await poolOf(database, 1, () => true))
    pools.set(FIRST, await poolOf(database, QUEUES, (n) => n === 0))
    pools.set(ALL, await poolOf(database, QUEUES, () => true))
    pools.set(LAST, await poolOf(database, QUEUES, (n) => n === QUEUES - 1))
  })
  await analyze(database)
  const times = await measure(
    [...pools].map(([name, id]) => ({
      name,
      run: async () => {
        const runs = await getScheduledFlowRuns(database.db, { workPoolIds: [id], limit: 10, scheduledBefore: now })
        if (runs.length !== 10) throw new Error(`${runs.length} runs instead of 10`)
      },
    })),
  )
  const one = timeOf(times, ONE)
  const rows = [...times].map(([name, time]) => [name, ms(time), ratioText(time / one)])
  const goals = [FIRST, ALL, LAST].map((name) => ({
    name: `\`getScheduledFlowRuns\` of ${name}, against one queue, ${database.name}`,
    ratio: timeOf(times, name) / one,
    atMost: 20,
  }))
  return { text: table(['`getScheduledFlowRuns`, 10 runs', 'ms', 'against one queue'], rows), goals }
}

/** Makes a pool with a limit, and in it queues with limits, each with one active run. */
async function poolOf(database: BenchDatabase, queues: number, hasDue: (n: number) => boolean): Promise<string> {
  const { id } = await createWorkPool(database.db, { name: `pool ${Math.random()}`, concurrencyLimit: 5_000 })
  const isPostgres = database.name === 'PostgreSQL'
  const series = isPostgres
    ? `generate_series(1, ${queues}) as n(i)`
    : `(with recursive n(i) as (select 1 union all select i + 1 from n where i < ${queues}) select i from n)`
  await database.run(`
    insert into work_queue (name, priority, concurrency_limit, work_pool_id)
    select 'queue ' || i, i + 1, 50, '${id}' from ${series}`)
  const rows = await database.db
    .selectFrom('work_queue')
    .select('id')
    .where('work_pool_id', '=', id)
    .where('priority', '>', 1)
    .orderBy('priority')
    .execute()
  for (const [n, queue] of rows.entries()) {
    await seedRuns(database, { workQueueId: queue.id, count: 1, stateType: 'RUNNING' })
    if (hasDue(n)) await seedRuns(database, { workQueueId: queue.id, count: 20 })
  }
  return id
}
