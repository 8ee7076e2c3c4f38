import { setTimeout } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'

// How the truth is told: by SQL of the test's own, past the library.

/** What limits a number of active runs: a queue's limit its runs, a pool's those of its queues. */
export interface Limit {
  readonly name: string
  readonly limit: number
  readonly workQueueIds: readonly string[]
}

/** What a look at the active runs, over and over, has found. */
export interface Observed {
  /** How many looks there were. */
  looks: number
  /** The most active runs that were seen, by the limit's name. */
  readonly most: Record<string, number>
}

const ACTIVE = ['PENDING', 'RUNNING', 'CANCELLING']

/** Reads the true number of active runs, over and over, until it is told to stop. */
export async function observe(
  db: Kysely<WorkQueueTables>,
  limits: readonly Limit[],
  signal: AbortSignal,
): Promise<Observed> {
  const observed: Observed = { looks: 0, most: Object.fromEntries(limits.map(({ name }) => [name, 0])) }
  while (!signal.aborted) {
    const { rows } = await sql<{ queue: string; active: number }>`
      select work_queue_id as queue, cast(count(*) as integer) as active from flow_run
      where state_type in ('PENDING', 'RUNNING', 'CANCELLING') group by work_queue_id
    `.execute(db)
    observed.looks++
    for (const { name, workQueueIds } of limits) {
      let active = 0
      for (const row of rows) if (workQueueIds.includes(row.queue)) active += row.active
      observed.most[name] = Math.max(observed.most[name] ?? 0, active)
    }
    await setTimeout(5)
  }
  return observed
}

/** A state that a run entered, as its history has it. */
export interface HistoryState {
  readonly id: string
  readonly run: string
  readonly queue: string
  readonly type: string
  /** Text that sorts by time. */
  readonly time: string
}

/** Every state of every run, by time. */
export async function readHistory(db: Kysely<WorkQueueTables>, isPostgres: boolean): Promise<HistoryState[]> {
  const time = isPostgres
    ? sql`to_char(state.timestamp at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS.US')`
    : sql`state.timestamp`
  const { rows } = await sql<HistoryState>`
    select state.id, state.flow_run_id as run, run.work_queue_id as queue, state.type, ${time} as time
    from flow_run_state as state join flow_run as run on run.id = state.flow_run_id
    order by state.timestamp, state.id
  `.execute(db)
  return rows
}

/** What the history says that happened. */
export interface Audit {
  claims: number
  released: number
  /** Runs that entered PENDING from anything but SCHEDULED. */
  claimedTwice: number
  /** Runs that entered CRASHED or CANCELLED, which only a release does here. */
  crashed: number
  /** States that runs entered after they had ended. */
  afterTheEnd: number
  /** States that a claimer put a run in which was another's by then, or nobody's. */
  lateWrites: number
  /** The most runs that were active at one time, by the limit's name. */
  readonly most: Record<string, number>
  /** The states that claims put runs in, by id. */
  readonly pending: ReadonlySet<string>
}

const ENDED = ['COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED']

/**
 * Goes through the history, and so sees every moment that the observer may have missed.
 *
 * @param writers - Who put a run in a state, by the state's id, as the claimers have noted it.
 */
export function audit(
  history: readonly HistoryState[],
  limits: readonly Limit[],
  writers: ReadonlyMap<string, string>,
): Audit {
  const most: Record<string, number> = Object.fromEntries(limits.map(({ name }) => [name, 0]))
  const pending = new Set<string>()
  const result = { claims: 0, released: 0, claimedTwice: 0, crashed: 0, afterTheEnd: 0, lateWrites: 0, most, pending }
  /** Whose each run is. A claimer that was killed may have noted nothing. */
  const owners = new Map<string, string | undefined>()
  const current = new Map<string, string>()
  const changes: { time: string; change: number; queue: string }[] = []
  for (const { id, run, queue, type, time } of history) {
    const before = current.get(run)
    current.set(run, type)
    if (type === 'PENDING') {
      result.claims++
      pending.add(id)
      if (before !== 'SCHEDULED') result.claimedTwice++
    }
    if (type === 'SCHEDULED' && before === 'PENDING') result.released++
    if (type === 'CRASHED' || type === 'CANCELLED') result.crashed++
    if (ENDED.includes(before ?? '')) result.afterTheEnd++
    const writer = writers.get(id)
    if (type === 'PENDING') owners.set(run, writer)
    else if (writer !== undefined && owners.get(run) !== undefined && owners.get(run) !== writer) result.lateWrites++
    else if (writer !== undefined && before === 'SCHEDULED') result.lateWrites++
    const change = Number(ACTIVE.includes(type)) - Number(ACTIVE.includes(before ?? ''))
    if (change !== 0) changes.push({ time: time.slice(0, 23), change, queue })
  }
  // Of the changes in one millisecond, whose order is not known, those that free a slot count as the earlier ones.
  changes.sort((a, b) => (a.time === b.time ? a.change - b.change : a.time < b.time ? -1 : 1))
  const active = new Map<string, number>()
  for (const { change, queue } of changes) {
    active.set(queue, (active.get(queue) ?? 0) + change)
    for (const { name, workQueueIds } of limits) {
      const sum = workQueueIds.reduce((total, id) => total + (active.get(id) ?? 0), 0)
      most[name] = Math.max(most[name] ?? 0, sum)
    }
  }
  return result
}
