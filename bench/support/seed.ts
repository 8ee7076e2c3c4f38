import type { BenchDatabase } from './databases.js'

/** What to put many runs of. */
export interface Backlog {
  readonly workQueueId: string
  readonly count: number
  /** Default: SCHEDULED, due since long ago. */
  readonly stateType?: 'SCHEDULED' | 'COMPLETED' | 'RUNNING'
}

/** Inserts many runs with the database's own means: their times are a second apart, in the past. */
export async function seedRuns(
  database: BenchDatabase,
  { workQueueId, count, stateType = 'SCHEDULED' }: Backlog,
): Promise<void> {
  const name = stateType.charAt(0) + stateType.slice(1).toLowerCase()
  await database.run(
    database.name === 'PostgreSQL'
      ? `insert into flow_run (id, name, flow_id, state_type, state_name, work_queue_id, next_scheduled_start_time)
         select gen_random_uuid(), 'run', gen_random_uuid(), '${stateType}', '${name}', '${workQueueId}',
           timestamptz '2026-01-01' + i * interval '1 second'
         from generate_series(1, ${count}) as i`
      : `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count})
         insert into flow_run (name, flow_id, state_type, state_name, work_queue_id, next_scheduled_start_time)
         select 'run', lower(hex(randomblob(16))), '${stateType}', '${name}', '${workQueueId}',
           strftime('%Y-%m-%d %H:%M:%f000', '2026-01-01', '+' || i || ' seconds')
         from n`,
  )
}

/** Brings the planner's statistics up to date. */
export async function analyze(database: BenchDatabase): Promise<void> {
  await database.run(database.name === 'PostgreSQL' ? 'vacuum analyze' : 'analyze')
}
