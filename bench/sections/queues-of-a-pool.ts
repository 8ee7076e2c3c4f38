import { claimScheduledFlowRuns, createWorkPool, getScheduledFlowRuns } from 'kysely-work-queues'
import { now } from '../support/backlog-world.js'
import type { BenchDatabase, Server } from '../support/bench-databases.js'
import { putBack } from '../support/claimed-runs.js'
import { measure, progress, timeOf } from '../support/measure.js'
import { countText, type Goal, ms, ratioText, table } from '../support/report.js'
import { analyze, SQLITE_UUID, withoutIndexes } from '../support/seed.js'

const BATCH = 10
const due = { limit: BATCH, scheduledBefore: now }

/** Whether pool and queues have limits, and which queues have runs that are due. */
const KINDS = [
  { name: 'no limits, each queue with runs due', isLimited: false, last: false },
  { name: 'no limits, only the last', isLimited: false, last: true },
  { name: 'all limited, each queue with runs due', isLimited: true, last: false },
  { name: 'all limited, only the last', isLimited: true, last: true },
] as const

const keyOf = (name: string, size: number): string => `${name} ${size}`

/** Times polls and claims of ten runs over a pool, against how many queues it has. Each queue has an active run. */
export async function measureQueuesOfAPool(
  server: Server,
  sizes: readonly number[],
): Promise<{ text: string; goals: Goal[] }> {
  await using database = await server.open()
  const pools = new Map<string, string>()
  await withoutIndexes(database, async () => {
    for (const kind of KINDS) {
      for (const size of sizes) pools.set(keyOf(kind.name, size), await poolOf(database, size, kind))
    }
  })
  await analyze(database)
  progress(`${server.name}: made pools with up to ${countText(sizes.at(-1) ?? 0)} queues`)
  let claimed: string[] = []
  const timed = KINDS.flatMap(({ name }) =>
    sizes.flatMap((size) => {
      const asked = { workPoolIds: [pools.get(keyOf(name, size)) ?? ''], ...due }
      return [
        {
          name: keyOf(`\`getScheduledFlowRuns\`, ${name}`, size),
          run: async () => {
            const found = await getScheduledFlowRuns(database.db, asked)
            if (found.length !== BATCH) throw new Error(`${found.length} runs instead of ${BATCH}`)
          },
        },
        {
          name: keyOf(`\`claimScheduledFlowRuns\`, ${name}`, size),
          run: async () => {
            claimed = (await claimScheduledFlowRuns(database.db, asked)).map(({ flowRun }) => flowRun.id)
          },
          after: async () => await putBack(database, claimed, BATCH),
        },
      ]
    }),
  )
  const times = await measure(timed, { rounds: 3, mostRounds: 6 })
  progress(`${server.name}: queues of a pool`)
  const calls = ['getScheduledFlowRuns', 'claimScheduledFlowRuns'].flatMap((call) =>
    KINDS.map(({ name }) => `\`${call}\`, ${name}`),
  )
  const [first = 1, last = 1] = [sizes[0], sizes.at(-1)]
  const growth = (call: string): number => timeOf(times, keyOf(call, last)) / timeOf(times, keyOf(call, first))
  return {
    text: table(
      [`${server.name}, ms, of ${BATCH} runs, by the number of queues`, ...sizes.map(countText), 'last/first'],
      calls.map((call) => [
        call,
        ...sizes.map((size) => ms(timeOf(times, keyOf(call, size)))),
        ratioText(growth(call)),
      ]),
    ),
    goals: [],
  }
}

/** Makes a pool of so many queues, each with an active run, and with runs due, or only the last. */
async function poolOf(
  database: BenchDatabase,
  queues: number,
  { name, isLimited, last }: (typeof KINDS)[number],
): Promise<string> {
  const limit = isLimited ? 2 * queues + 100 : null
  const pool = await createWorkPool(database.db, { name: `${name} ${queues}`, concurrencyLimit: limit })
  const isPostgres = database.name === 'PostgreSQL'
  const series = (count: number): string =>
    isPostgres
      ? `generate_series(1, ${count}) as n(i)`
      : `(with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count}) select i from n) as n`
  await database.run(`
    insert into work_queue (name, priority, concurrency_limit, work_pool_id)
    select 'queue ' || i, i + 1, ${isLimited ? 50 : 'null'}, '${pool.id}' from ${series(queues)}`)
  const uuid = isPostgres ? 'gen_random_uuid()' : SQLITE_UUID
  const insertRuns = async (state: 'RUNNING' | 'SCHEDULED', count: number, condition: string): Promise<void> => {
    const start = isPostgres
      ? `timestamptz '2026-01-01' + n.i * interval '1 second'`
      : `strftime('%Y-%m-%d %H:%M:%f000', '2026-01-01', '+' || n.i || ' seconds')`
    const columns =
      'id, name, flow_id, state_type, state_name, state_timestamp, work_queue_id, next_scheduled_start_time'
    await database.run(`
      insert into flow_run (${columns})
      select ${uuid}, 'run', ${uuid}, '${state}', '${state}', ${start}, queue.id, ${start}
      from work_queue as queue cross join ${series(count)}
      where queue.work_pool_id = '${pool.id}' and queue.priority > 1 and ${condition}`)
  }
  await insertRuns('RUNNING', 1, 'true')
  // The first few queues of many are enough for a batch.
  const isDue = last ? `queue.priority = ${queues + 1}` : 'true'
  await insertRuns('SCHEDULED', last || queues < 5 ? 2 * BATCH : 5, isDue)
  return pool.id
}
