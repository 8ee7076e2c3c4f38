// A reference model of reads and polls, written from the contract alone: plain arrays, no SQL, nothing of the library. Ids are
// compared as text, and a time is a number of milliseconds or null.

export interface Pool {
  id: string
  name: string
  type: string
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
  name: string
  flowId: string
  queueId: string | null
  queueName: string | null
  state: string | null
  stateName: string | null
  start: number | null
  end: number | null
  created: number
  deploymentId: string | null
  tags: string[]
  isRetriedInProcess: boolean
  /** Every state that the run was in: a type, and when it was entered. No two at one time. */
  history: [type: string, time: number][]
  /** The lease that a claim left, and when that claim was. */
  lease: { holder: string; since: number; until: number } | null
}

export interface State {
  pools: Pool[]
  queues: Queue[]
  runs: Run[]
}

const QUEUE_SLOTS: readonly (string | null)[] = ['PENDING', 'RUNNING', 'CANCELLING']
const POOL_SLOTS: readonly (string | null)[] = ['PENDING', 'RUNNING']

export const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
const byStart = (a: Run, b: Run): number =>
  a.start === b.start ? byId(a, b) : a.start === null ? 1 : b.start === null ? -1 : a.start - b.start
const open = (limit: number | null, active: number): number => (limit === null ? Infinity : Math.max(0, limit - active))

/** Part of a list. */
export interface Page {
  limit?: number | undefined
  offset?: number | undefined
}

export function page<T>(list: readonly T[], { limit = Infinity, offset = 0 }: Page): T[] {
  return list.slice(offset, offset + limit)
}

/** A name alone belongs to the queue of that name in the default agent pool. */
export function isMember({ pools }: State, run: Run, queue: Queue): boolean {
  if (run.queueId !== null) return run.queueId === queue.id
  const home = pools.find(({ name }) => name === 'default-agent-pool')
  return run.queueName === queue.name && queue.poolId === home?.id
}

function matches(run: Run, filter: NonNullable<Queue['filter']>): boolean {
  if (run.deploymentId === null) return false
  if (filter.deploymentIds !== null && !filter.deploymentIds.includes(run.deploymentId)) return false
  return (filter.tags ?? []).every((tag) => run.tags.includes(tag))
}

/** The runs that occupy slots of a queue, as polls of the queue count them. */
export function holdersOfQueue(state: State, queue: Queue): Run[] {
  const { runs } = state
  const { filter } = queue
  const holders =
    filter === null
      ? runs.filter((run) => isMember(state, run, queue) && QUEUE_SLOTS.includes(run.state))
      : runs.filter((run) => matches(run, filter) && POOL_SLOTS.includes(run.state))
  return holders.toSorted(byId)
}

/** The runs that occupy slots of a pool, as polls of the pool count them; those of some of its queues, and some of each. */
export function holdersOfPool(
  { queues, runs }: State,
  pool: Pool,
  { queueIds, limitPerQueue }: { queueIds?: string[] | undefined; limitPerQueue?: number | undefined } = {},
): Run[] {
  return queues
    .filter((queue) => queue.poolId === pool.id && (queueIds?.includes(queue.id) ?? true))
    .flatMap((queue) => {
      const holders = runs.filter((run) => run.queueId === queue.id && POOL_SLOTS.includes(run.state)).toSorted(byId)
      return queueIds === undefined ? holders : page(holders, { limit: limitPerQueue })
    })
    .toSorted(byId)
}

/** When the current unbroken occupation of a slot began. */
export function slotAcquiredAt(run: Run): number | null {
  let since: number | null = null
  for (const [type, time] of run.history.toSorted(([, a], [, b]) => a - b)) {
    since = QUEUE_SLOTS.includes(type) ? (since ?? time) : null
  }
  return since
}

/** Which leases are asked for. */
export interface LeaseRead extends Page {
  holder?: string | undefined
  queueIds?: string[] | undefined
  poolIds?: string[] | undefined
}

/** The runs whose leases hold: they occupy a slot, and have been in no other state since the claim. */
export function leasedRuns(state: State, { holder, queueIds, poolIds, ...range }: LeaseRead): Run[] {
  const queuesOf = (run: Run): Queue[] => state.queues.filter((queue) => isMember(state, run, queue))
  const leased = state.runs.filter(({ state: type, history, lease }) => {
    if (lease === null || !QUEUE_SLOTS.includes(type)) return false
    return history.every(([entered, time]) => time <= lease.since || QUEUE_SLOTS.includes(entered))
  })
  const asked = leased
    .filter(({ lease }) => holder === undefined || lease?.holder === holder)
    .filter((run) => queueIds === undefined || queuesOf(run).some(({ id }) => queueIds.includes(id)))
    .filter((run) => poolIds === undefined || queuesOf(run).some(({ poolId }) => poolIds.includes(poolId)))
  return page(asked.toSorted(byId), range)
}

/** A poll of a queue. */
export interface QueuePoll {
  limit?: number | undefined
  before?: number | undefined
}

/** What a poll of a queue returns. */
export function pollQueue(state: State, queue: Queue, { limit = Infinity, before }: QueuePoll): Run[] {
  if (queue.isPaused) return []
  const { filter } = queue
  return state.runs
    .filter((run) => (filter === null ? isMember(state, run, queue) : matches(run, filter)))
    .filter((run) => run.state === 'SCHEDULED' && (before === undefined || (run.start !== null && run.start <= before)))
    .toSorted(byStart)
    .slice(0, Math.min(limit, open(queue.limit, holdersOfQueue(state, queue).length)))
}

/** A poll of pools. */
export interface PoolPoll {
  poolIds?: string[] | undefined
  queueIds?: string[] | undefined
  before?: number | undefined
  after?: number | undefined
  limit?: number | undefined
  byPriority?: boolean | undefined
}

/** What a poll of pools returns. */
export function pollPools(state: State, poll: PoolPoll): { run: Run; queue: Queue }[] {
  const { poolIds, queueIds, before, after, limit = 1000, byPriority = true } = poll
  const order = (a: { run: Run; queue: Queue }, b: { run: Run; queue: Queue }): number =>
    (byPriority ? a.queue.priority - b.queue.priority : 0) || byStart(a.run, b.run)
  const ofQueue = (queue: Queue): { run: Run; queue: Queue }[] => {
    const own = state.runs.filter((run) => run.queueId === queue.id)
    return own
      .filter((run) => run.state === 'SCHEDULED' && !run.isRetriedInProcess)
      .filter((run) => before === undefined || (run.start !== null && run.start <= before))
      .filter((run) => after === undefined || (run.start !== null && run.start >= after))
      .toSorted(byStart)
      .slice(0, open(queue.limit, own.filter((run) => POOL_SLOTS.includes(run.state)).length))
      .map((run) => ({ run, queue }))
  }
  return state.pools
    .filter((pool) => !pool.isPaused && (poolIds?.includes(pool.id) ?? true))
    .flatMap((pool) =>
      state.queues
        .filter((queue) => queue.poolId === pool.id && !queue.isPaused && (queueIds?.includes(queue.id) ?? true))
        .flatMap(ofQueue)
        .toSorted(order)
        .slice(0, open(pool.limit, holdersOfPool(state, pool).length)),
    )
    .toSorted(order)
    .slice(0, limit)
}

/** How a queue is doing. */
export function statusOf(state: State, queue: Queue, now: number): { healthy: boolean; lateRunsCount: number } {
  const lateRunsCount = state.runs.filter((run) => isMember(state, run, queue) && run.stateName === 'Late').length
  const isRecent = queue.lastPolled !== null && now - queue.lastPolled <= 60_000
  return { healthy: lateRunsCount === 0 && isRecent, lateRunsCount }
}

/** The queue of a name: in a pool of a name, else in the default agent pool when it exists, else in any, lowest id first. */
export function queueOfName({ pools, queues }: State, name: string, poolName?: string): Queue | undefined {
  const pool = pools.find((one) => one.name === (poolName ?? 'default-agent-pool'))
  if (poolName !== undefined && pool === undefined) return undefined
  return queues
    .filter((queue) => queue.name === name && (pool === undefined || queue.poolId === pool.id))
    .toSorted(byId)
    .at(0)
}
