import { pruneFlowRuns } from 'kysely-work-queues'
import type { BenchDatabase, Server } from '../support/bench-databases.js'
import { progress } from '../support/measure.js'
import { countText, type Goal, ms, ratioText, table } from '../support/report.js'
import { analyze, withoutIndexes } from '../support/seed.js'

const BATCH = 500
/** The fastest of so many is one figure: what else the machine does only ever adds. */
const SAMPLE = 40
/** Three of four are completed, as all is well; the rest is shared by the other states. */
const STATES = `case i % 8 when 0 then 'FAILED' when 1 then case i % 16 when 1 then 'CANCELLED' else 'CRASHED' end else 'COMPLETED' end`
const HISTORY = 3

/**
 * Deletes all of many ended runs, batch by batch, and tells what a batch costs at the start, in the middle and at the end. On PostgreSQL
 * nothing is vacuumed meanwhile, so that each batch meets the entries that all those before have left in the index.
 */
export async function measurePruning(server: Server, size: number): Promise<{ text: string; goals: Goal[] }> {
  await using database = await server.open()
  await withoutIndexes(database, async () => await seedEnded(database, size))
  await analyze(database)
  progress(`${server.name}: seeded ${countText(size)} ended runs`)
  const finishedBefore = new Date('2100-01-01')
  const times: number[] = []
  const quarters: number[] = []
  for (;;) {
    const start = performance.now()
    const ids = await pruneFlowRuns(database.db, { finishedBefore, limit: BATCH })
    if (ids.length < BATCH) break
    times.push(performance.now() - start)
    if (times.length % Math.round(size / BATCH / 4) === 0) quarters.push(Math.min(...times.slice(-SAMPLE)))
  }
  if (times.length !== Math.floor(size / BATCH)) throw new Error(`${times.length} batches were deleted`)
  const first = Math.min(...times.slice(0, SAMPLE))
  const last = Math.min(...times.slice(-SAMPLE))
  const idle = await timeIdle(database, finishedBefore)
  await analyze(database)
  const idleAfter = await timeIdle(database, finishedBefore)
  progress(`${server.name}: pruned, ${times.length} batches`)
  return {
    text: table(
      [
        `a batch of ${BATCH}, ms`,
        'first',
        'at a quarter',
        'half',
        'three quarters',
        'last',
        '',
        'none left',
        'vacuumed',
      ],
      [
        [
          `of ${countText(size)} ended runs with ${HISTORY} states each`,
          ...[first, ...quarters.slice(0, 3), last].map(ms),
          ratioText(last / first),
          ms(idle),
          ms(idleAfter),
        ],
      ],
    ),
    goals: [
      {
        name: `walking over all that was pruned before, against a batch, ${server.name}`,
        ratio: idle / first,
        atMost: 1,
      },
    ],
  }
}

async function timeIdle({ db }: BenchDatabase, finishedBefore: Date): Promise<number> {
  const times: number[] = []
  for (let n = 0; n < SAMPLE; n++) {
    const start = performance.now()
    await pruneFlowRuns(db, { finishedBefore, limit: BATCH })
    times.push(performance.now() - start)
  }
  return Math.min(...times)
}

async function seedEnded(database: BenchDatabase, size: number): Promise<void> {
  const columns = 'id, name, flow_id, state_type, state_name, state_timestamp, end_time'
  if (database.name === 'PostgreSQL') {
    await database.run(`
      insert into flow_run (${columns})
      select gen_random_uuid(), 'run', gen_random_uuid(), cast(${STATES} as state_type), initcap(${STATES}), at, at
      from (select i, timestamptz '2026-01-01' + i * interval '1 second' as at from generate_series(1, ${size}) as i) as n`)
    await database.run(`
      insert into flow_run_state (id, flow_run_id, type, name, "timestamp")
      select gen_random_uuid(), id, state_type, state_name, state_timestamp - i * interval '1 second'
      from flow_run cross join generate_series(1, ${HISTORY}) as i`)
    return
  }
  const uuid = `lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
    || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))`
  await database.run(`
    with recursive n(i) as (select 1 union all select i + 1 from n where i < ${size})
    insert into flow_run (${columns})
    select ${uuid}, 'run', ${uuid}, ${STATES}, ${STATES}, strftime('%Y-%m-%d %H:%M:%f000', '2026-01-01', '+' || i || ' seconds'),
      strftime('%Y-%m-%d %H:%M:%f000', '2026-01-01', '+' || i || ' seconds')
    from n`)
  await database.run(`
    with recursive n(i) as (select 1 union all select i + 1 from n where i < ${HISTORY})
    insert into flow_run_state (id, flow_run_id, type, name, "timestamp")
    select ${uuid}, flow_run.id, state_type, state_name, strftime('%Y-%m-%d %H:%M:%f000', state_timestamp, '-' || i || ' seconds')
    from flow_run cross join n`)
}
