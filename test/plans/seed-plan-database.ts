import { sql } from 'kysely'
import { factory, type Row } from '../support/factory.js'
import type { PlanDatabase } from './plan-database.js'

/** What time it is in these tests. The backlog is due long before. */
export const now = new Date('2035-01-01T12:00:00.000Z')

/** The rows that the calls speak of. */
export interface Ids {
  /** The default agent pool, with a concurrency limit, of the queues `limited`, `unlimited`, `idle` and their neighbour. */
  readonly pool: string
  /** A queue with a concurrency limit: 40 due runs, 8 active ones, 8 late ones and a history. */
  readonly limited: string
  /** The same without a limit. */
  readonly unlimited: string
  /** A queue with a concurrency limit and a history, that nothing is due in. */
  readonly idle: string
  /** A queue with a tag filter, which takes the runs of one deployment: those of `limited`. */
  readonly filtering: string
  /** A limited queue of another pool, with nothing but a history, whose name thousands of runs have that are known by it alone. */
  readonly outside: string
  /** A queue whose limit of 50 is exceeded by far. */
  readonly crowded: string
  /** Its pool, which has the same limit. */
  readonly crowdedPool: string
  /** A due run of `limited`. */
  readonly dueRun: string
}

const DEPLOYMENT = '00000000-0000-4000-8000-000000000001'

/** Runs that are alike. */
interface Group {
  /** Default: one of a hundred others. */
  readonly deployment?: string | undefined
  readonly place: { readonly id: string | null; readonly name: string }
  readonly count: number
  readonly state: 'SCHEDULED' | 'RUNNING' | 'PENDING' | 'COMPLETED'
  readonly stateName?: string
  /** Whether they are due earlier than the runs of the polled queues. */
  readonly isEarly?: boolean
}

/**
 * Few runs in each of the polled queues, among 100,000 that are due earlier: in a queue of the same pool that comes first and is
 * full, in a queue of the same name in another pool, and in one that is known by name alone. A thousand queues in fifty pools have none.
 */
export async function seed(database: PlanDatabase): Promise<Ids> {
  const make = factory(database)
  const pool = await make.pool({ name: 'default-agent-pool', concurrency_limit: 200 })
  const queue = async (row: Row): Promise<string> => await make.queue({ work_pool_id: pool, ...row })
  const neighbour = await queue({ name: 'neighbour', priority: 2, concurrency_limit: 50 })
  const limited = await queue({ name: 'limited', priority: 3, concurrency_limit: 100 })
  const unlimited = await queue({ name: 'unlimited', priority: 4 })
  const idle = await queue({ name: 'idle', priority: 5, concurrency_limit: 10 })
  const filter = { tags: null, deployment_ids: [DEPLOYMENT] }
  const filtering = await queue({ name: 'filtering', priority: 6, concurrency_limit: 100, filter })
  const sameName = await make.queue({ name: 'limited', concurrency_limit: 50 })
  const outside = await make.queue({ name: 'neighbour', concurrency_limit: 10 })
  const crowdedPool = await make.pool({ concurrency_limit: 50 })
  const crowded = await make.queue({ work_pool_id: crowdedPool, name: 'crowded', concurrency_limit: 50 })
  const otherPools: string[] = []
  for (let n = 0; n < 50; n++) otherPools.push(await make.pool())
  await make.rows(
    'work_queue',
    otherPools.flatMap((work_pool_id) =>
      Array.from({ length: 20 }, (_, n) => ({ name: `queue ${n}`, priority: n + 2, work_pool_id })),
    ),
  )

  const groups: Group[] = []
  const backlog = { state: 'SCHEDULED', stateName: 'Late', isEarly: true } as const
  const neighbours: [place: Group['place'], due: number, running: number][] = [
    [{ id: neighbour, name: 'neighbour' }, 60_000, 50],
    [{ id: sameName, name: 'limited' }, 30_000, 2_000],
    [{ id: null, name: 'neighbour' }, 10_000, 50],
    [{ id: null, name: 'crowded' }, 100, 2_000],
    [{ id: crowded, name: 'crowded' }, 100, 10_000],
  ]
  for (const [place, due, running] of neighbours) {
    groups.push({ ...backlog, place, count: due / 10 })
    groups.push({ ...backlog, place, count: due - due / 10, stateName: 'Scheduled' })
    groups.push({ place, count: running, state: 'RUNNING', isEarly: true })
    groups.push({ place, count: 3_000, state: 'COMPLETED', isEarly: true })
  }
  for (const [id, name] of [
    [limited, 'limited'],
    [unlimited, 'unlimited'],
  ] as const) {
    for (const place of [
      { id, name },
      { id: null, name },
    ]) {
      const deployment = name === 'limited' ? DEPLOYMENT : undefined
      groups.push({ place, deployment, count: 20, state: 'SCHEDULED' })
      groups.push({ place, deployment, count: 4, state: 'SCHEDULED', stateName: 'Late' })
      groups.push({ place, deployment, count: 2, state: 'RUNNING' })
      groups.push({ place, deployment, count: 2, state: 'PENDING' })
      groups.push({ place, deployment, count: 3_000, state: 'COMPLETED', isEarly: true })
    }
  }
  for (const place of [
    { id: idle, name: 'idle' },
    { id: outside, name: 'neighbour' },
  ]) {
    groups.push({ place, count: 3_000, state: 'COMPLETED', isEarly: true })
  }
  await insertRuns(database, groups)
  await insertStates(database, 20_000)
  const due = await database.plain
    .selectFrom('flow_run')
    .select('id')
    .where('work_queue_id', '=', limited)
    .where('state_type', '=', 'SCHEDULED')
    .orderBy('id')
    .limit(1)
    .executeTakeFirstOrThrow()
  return { pool, limited, unlimited, idle, filtering, outside, crowded, crowdedPool, dueRun: due.id }
}

/**
 * Inserts runs by the database's own means: row by row, a hundred thousand would take longer than all tests. The groups are
 * mixed, as they are in a table that queues have shared for years.
 */
async function insertRuns({ plain: db, dialect }: PlanDatabase, groups: readonly Group[]): Promise<void> {
  const values = groups.map(({ place, deployment, count, state, stateName = nameOf(state), isEarly = false }) => {
    const uuid = (value: string | null) => (dialect === 'postgres' ? sql`cast(${value} as uuid)` : sql`${value}`)
    const texts = [state, stateName, isEarly ? '2026-01-01' : '2030-01-01'].map((text) => sql.lit(text))
    const ids = [uuid(place.id), uuid(deployment ?? null)]
    return sql`(${sql.join(ids)}, ${sql.lit(place.name)}, ${sql.lit(count)}, ${sql.join(texts)})`
  })
  const grouped = sql`grouped(queue_id, deployment_id, queue_name, count, state_type, state_name, start) as (values ${sql.join(values)})`
  const columns = sql.raw(
    'id, name, flow_id, state_type, state_name, state_timestamp, work_queue_id, deployment_id, work_queue_name, next_scheduled_start_time',
  )
  const mixed = sql`
    select row_number() over (order by n * 1.0 / count, state_name, queue_name) as i, n, grouped.*
    from grouped join numbers on n <= count`
  await (
    dialect === 'postgres'
      ? sql`
        with ${grouped}, numbers(n) as (select generate_series(1, 60000)), mixed as (${mixed})
        insert into flow_run (${columns})
        select ${runId('postgres')}, 'run', '00000000-0000-4000-8000-000000000000', cast(state_type as state_type),
          state_name, timestamptz '2026-01-01', queue_id, coalesce(deployment_id, ${runId('postgres', sql`n % 100`)}), queue_name, cast(start as timestamptz) + n * interval '1 second'
        from mixed order by i`
      : sql`
        with recursive ${grouped}, numbers(n) as (select 1 union all select n + 1 from numbers where n < 60000),
          mixed as (${mixed})
        insert into flow_run (${columns})
        select ${runId('sqlite')}, 'run', '00000000-0000-4000-8000-000000000000', state_type, state_name,
          '2026-01-01 00:00:00.000000', queue_id, coalesce(deployment_id, ${runId('sqlite', sql`n % 100`)}), queue_name, strftime('%Y-%m-%d %H:%M:%f000', start, '+' || n || ' seconds')
        from mixed order by i`
  ).execute(db)
}

function nameOf(state: Group['state']): string {
  return state.charAt(0) + state.slice(1).toLowerCase()
}

/** Inserts a state for each of the first runs. */
async function insertStates({ plain: db, dialect }: PlanDatabase, count: number): Promise<void> {
  const columns = sql`type, name, timestamp, flow_run_id`
  await (
    dialect === 'postgres'
      ? sql`
        insert into flow_run_state (${columns})
        select 'SCHEDULED', 'Scheduled', timestamptz '2026-01-01', ${runId('postgres')}
        from generate_series(1, ${sql.lit(count)}) as n(i)`
      : sql`
        with recursive n(i) as (select 1 union all select i + 1 from n where i < ${sql.lit(count)})
        insert into flow_run_state (${columns})
        select 'SCHEDULED', 'Scheduled', '2026-01-01 00:00:00.000000', ${runId('sqlite')} from n`
  ).execute(db)
}

/** The id of the run with the number `i`, or of something else with another number. */
function runId(dialect: PlanDatabase['dialect'], i = sql`i`) {
  return dialect === 'postgres'
    ? sql`cast('00000000-0000-7000-8000-' || lpad(to_hex(${i}), 12, '0') as uuid)`
    : sql`'00000000-0000-7000-8000-' || printf('%012x', ${i})`
}
