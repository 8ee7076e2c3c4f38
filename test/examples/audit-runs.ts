import SQLite from 'better-sqlite3'
import pg from 'pg'

// What became of runs, asked in plain SQL by a driver alone: nothing of the library's or of the host's is used.

/** A connection that sends one statement and returns its rows, with numbers as numbers. */
export interface Auditor extends AsyncDisposable {
  query(statement: string): Promise<Record<string, any>[]>
}

export function openAuditor(url: string): Auditor {
  if (!url.startsWith('postgres')) {
    const database = new SQLite(url, { readonly: true, timeout: 10_000 })
    return {
      query: async (statement) => database.prepare(statement).all() as Record<string, unknown>[],
      [Symbol.asyncDispose]: async () => void database.close(),
    }
  }
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  return {
    query: async (statement) => (await pool.query(statement)).rows,
    [Symbol.asyncDispose]: async () => await pool.end(),
  }
}

const ACTIVE = `('PENDING', 'RUNNING', 'CANCELLING')`
const ENDED = `('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED')`

/** Every state that a run entered, with those around it. */
const ENTERED = `
  entered as (
    select flow_run_id, id, timestamp, message, cast(type as text) as type,
      lag(cast(type as text)) over (partition by flow_run_id order by timestamp) as type_before,
      lead(id) over (partition by flow_run_id order by timestamp) as next_id
    from flow_run_state
  )`

/** How many runs hold a slot now, by the name of their queue. */
export const ACTIVE_NOW = `
  select queue.name as queue, cast(count(*) as integer) as active
  from flow_run as run join work_queue as queue on queue.id = run.work_queue_id
  where run.state_type in ${ACTIVE} group by queue.name`

/**
 * The most that held slots at once, at any instant of the history: a row a queue, with what was then held in the whole of its pool at
 * most.
 */
export const MOST_ACTIVE = `
  with ${ENTERED}, step as (
    select queue.id as queue_id, queue.work_pool_id, entered.timestamp,
      case when entered.type in ${ACTIVE} then 1 else 0 end
        - case when coalesce(entered.type_before, '') in ${ACTIVE} then 1 else 0 end as change
    from entered join flow_run as run on run.id = entered.flow_run_id join work_queue as queue on queue.id = run.work_queue_id
  ), held as (
    select queue_id,
      sum(change) over (partition by queue_id order by timestamp, change rows unbounded preceding) as in_queue,
      sum(change) over (partition by work_pool_id order by timestamp, change rows unbounded preceding) as in_pool
    from step
  )
  select pool.name as pool, queue.name as queue,
    cast(max(in_queue) as integer) as in_queue, cast(max(in_pool) as integer) as in_pool
  from held join work_queue as queue on queue.id = held.queue_id join work_pool as pool on pool.id = queue.work_pool_id
  group by pool.name, queue.name order by pool.name, queue.name`

/** States that do not follow what they must: claimed twice, started twice, left after the end, or not the run's state at last. */
export const BROKEN_HISTORIES = `
  with ${ENTERED}
  select entered.type_before, entered.type from entered join flow_run as run on run.id = entered.flow_run_id
  where (entered.type = 'PENDING' and coalesce(type_before, '') <> 'SCHEDULED')
    or (entered.type = 'RUNNING' and coalesce(type_before, '') <> 'PENDING')
    or (type_before in ${ENDED} and entered.type <> 'SCHEDULED')
    or (next_id is null and run.state_id <> entered.id)`

export const BY_STATE = `
  select cast(state_type as text) as state, cast(count(*) as integer) as runs from flow_run group by 1 order by 1`

/** How often a run ended, and how often the host told of it, of every run where that is not the same. */
export const NOT_TOLD_ONCE = `
  select run.name, (select count(*) from flow_run_state as state where state.flow_run_id = run.id and state.type in ${ENDED}) as ended,
    (select count(*) from notification where notification.flow_run_id = cast(run.id as text)) as told
  from flow_run as run
  where (select count(*) from flow_run_state as state where state.flow_run_id = run.id and state.type in ${ENDED})
    <> (select count(*) from notification where notification.flow_run_id = cast(run.id as text))`

/** Runs that were given back since their holder did not renew its lease, by the state that they were in. */
export const RELEASES = `
  with ${ENTERED}
  select type_before, cast(count(*) as integer) as times
  from entered where message like '%the lease of%' group by type_before order by type_before`
