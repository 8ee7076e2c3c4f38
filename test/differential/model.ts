// A reference model of reads and polls, written from the contract alone: plain arrays, no SQL, nothing of the library. Ids are
// compared as text, and a time is a number of milliseconds or null.

export interface Pool {
  id: string
  name: string
  isPaused: boolean
  limit: number | null
}

export interface Queue {
  id: string
  name: string
  poolId: string
  priority: number
  isPaused: boolean
  limit: number | null
  lastPolled: number | null
  filter: { tags: string[] | null; deploymentIds: string[] | null } | null
}

export interface Run {
  id: string
  queueId: string | null
  queueName: string | null
  state: string
  stateName: string
  start: number | null
  deploymentId: string | null
  tags: string[]
  isRetriedInProcess: boolean
}

export interface State {
  pools: Pool[]
  queues: Queue[]
  runs: Run[]
}

const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
const byStart = (a: Run, b: Run): number =>
  a.start === b.start ? byId(a, b) : a.start === null ? 1 : b.start === null ? -1 : a.start - b.start
const open = (limit: number | null, active: number): number => (limit === null ? Infinity : Math.max(0, limit - active))

export function isMember(run: Run, queue: Queue): boolean {
  return run.queueId === queue.id || (run.queueId === null && run.queueName === queue.name)
}

function matches(run: Run, filter: NonNullable<Queue['filter']>): boolean {
  if (run.deploymentId === null) return false
  if (filter.deploymentIds !== null && !filter.deploymentIds.includes(run.deploymentId)) return false
  return (filter.tags ?? []).every((tag) => run.tags.includes(tag))
}

/** The runs that occupy slots of a queue, as polls of the queue count them. */
export function holdersOfQueue({ runs }: State, queue: Queue): Run[] {
  const { filter } = queue
  const holders =
    filter === null
      ? runs.filter((run) => isMember(run, queue) && ['PENDING', 'RUNNING', 'CANCELLING'].includes(run.state))
      : runs.filter((run) => matches(run, filter) && ['PENDING', 'RUNNING'].includes(run.state))
  return holders.toSorted(byId)
}

/** The runs that occupy slots of a pool, as polls of the pool count them. */
export function holdersOfPool(state: State, pool: Pool): Run[] {
  const ids = new Set(state.queues.filter((queue) => queue.poolId === pool.id).map(({ id }) => id))
  return state.runs
    .filter((run) => run.queueId !== null && ids.has(run.queueId) && ['PENDING', 'RUNNING'].includes(run.state))
    .toSorted(byId)
}

/** What a poll of a queue returns. */
export function pollQueue(
  state: State,
  queue: Queue,
  { limit = Infinity, before }: { limit?: number | undefined; before?: number | undefined },
): Run[] {
  if (queue.isPaused) return []
  const { filter } = queue
  return state.runs
    .filter((run) => (filter === null ? isMember(run, queue) : matches(run, filter)))
    .filter((run) => run.state === 'SCHEDULED' && (before === undefined || (run.start !== null && run.start <= before)))
    .toSorted(byStart)
    .slice(0, Math.min(limit, open(queue.limit, holdersOfQueue(state, queue).length)))
}

export interface PoolPoll {
  poolIds?: string[] | undefined
  queueIds?: string[] | undefined
  before?: number | undefined
  after?: number | undefined
  limit: number
  byPriority: boolean
}

/** What a poll of pools returns. */
export function pollPools(state: State, poll: PoolPoll): { run: Run; queue: Queue }[] {
  const order = (a: { run: Run; queue: Queue }, b: { run: Run; queue: Queue }): number =>
    (poll.byPriority ? a.queue.priority - b.queue.priority : 0) || byStart(a.run, b.run)
  const found = state.pools
    .filter((pool) => !pool.isPaused && (poll.poolIds?.includes(pool.id) ?? true))
    .flatMap((pool) =>
      state.queues
        .filter((queue) => queue.poolId === pool.id && !queue.isPaused && (poll.queueIds?.includes(queue.id) ?? true))
        .flatMap((queue) => {
          const own = state.runs.filter((run) => run.queueId === queue.id)
          const active = own.filter((run) => ['PENDING', 'RUNNING'].includes(run.state)).length
          return own
            .filter((run) => run.state === 'SCHEDULED' && !run.isRetriedInProcess)
            .filter((run) => poll.before === undefined || (run.start !== null && run.start <= poll.before))
            .filter((run) => poll.after === undefined || (run.start !== null && run.start >= poll.after))
            .toSorted(byStart)
            .slice(0, open(queue.limit, active))
            .map((run) => ({ run, queue }))
        })
        .toSorted(order)
        .slice(0, open(pool.limit, holdersOfPool(state, pool).length)),
    )
  return found.toSorted(order).slice(0, poll.limit)
}

/** How a queue is doing. */
export function statusOf(state: State, queue: Queue, now: number): { healthy: boolean; lateRunsCount: number } {
  const lateRunsCount = state.runs.filter((run) => isMember(run, queue) && run.stateName === 'Late').length
  const isRecent = queue.lastPolled !== null && now - queue.lastPolled <= 60_000
  return { healthy: lateRunsCount === 0 && isRecent, lateRunsCount }
}

/** Queues by name, as bytes compare. */
export function queuesByName(queues: Queue[]): Queue[] {
  return queues.toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)) || byId(a, b))
}
