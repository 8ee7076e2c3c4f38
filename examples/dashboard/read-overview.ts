import {
  readWorkers,
  readWorkPoolSlotHolders,
  readWorkPoolStats,
  readWorkQueueStats,
  type RequiredTables,
  type Session,
  type SlotHolder,
  type WorkQueueStats,
} from 'kysely-work-queues'
import { DEFAULT_AGENT_WORK_POOL_NAME, isLastPolledRecent } from 'kysely-work-queues/rules'
import type { Holder, OpenPool, Sent } from './dashboard-answers.js'
import type { SharedReads } from './shared-reads.js'

/** Counts end here: the page says "1,000+". */
const CAP = 1000
/** How many runs that hold slots are named, of each queue. */
const HOLDERS_PER_QUEUE = 40
const WORKERS = 100

type Figures = Pick<ReadOverview, 'pools' | 'queues'>

/** An `Overview`, as it is before it is sent. */
export interface ReadOverview {
  readonly pools: Awaited<ReturnType<typeof readWorkPoolStats>>
  readonly queues: readonly (Omit<WorkQueueStats, 'lastPolled'> & { readonly isPolled: boolean })[]
  readonly open: Readonly<Record<string, OpenPool>>
}

/**
 * Reads what the page shows at a glance: a statement for the figures of all pools and one for those of all queues, and two more for each
 * pool that is open on the page.
 */
export async function readOverview<DB extends RequiredTables>(
  db: Session<DB>,
  reads: SharedReads<unknown>,
  { openPoolIds, now }: { openPoolIds: readonly string[]; now: Date | undefined },
): Promise<ReadOverview> {
  const shared = async <T>(key: string, read: () => Promise<T>): Promise<T> => (await reads.get(key, read)) as T
  const { pools, queues } = await shared('figures', () => readFigures(db, now))
  const open: Record<string, OpenPool> = {}
  for (const { workPoolId, workPoolName } of pools) {
    if (!openPoolIds.includes(workPoolId)) continue
    const own = queues.filter((queue) => queue.workPoolId === workPoolId)
    const takesNames = workPoolName === DEFAULT_AGENT_WORK_POOL_NAME
    open[workPoolId] = await shared(workPoolId, () => readOpenPool(db, workPoolId, takesNames, own))
  }
  return { pools, queues, open }
}

async function readFigures<DB extends RequiredTables>(db: Session<DB>, now: Date | undefined): Promise<Figures> {
  const pools = await readWorkPoolStats(db, { cap: CAP, now })
  const queues = await readWorkQueueStats(db, { cap: CAP, now })
  return {
    pools,
    queues: queues.map(({ lastPolled, ...queue }) => ({
      ...queue,
      isPolled: isLastPolledRecent(lastPolled, now ?? new Date()),
    })),
  }
}

async function readOpenPool<DB extends RequiredTables>(
  db: Session<DB>,
  workPoolId: string,
  takesNames: boolean,
  queues: Figures['queues'],
): Promise<OpenPool> {
  const workQueueIds = queues.filter(({ active }) => active > 0).map(({ workQueueId }) => workQueueId)
  const holders = await readWorkPoolSlotHolders(db, workPoolId, {
    workQueueIds,
    limitPerQueue: HOLDERS_PER_QUEUE,
    by: 'claim',
  })
  const workers = await readWorkers(db, workPoolId, { limit: WORKERS })
  // In the default agent pool, a run may be known by its queue's name alone.
  const idOf = new Map(takesNames ? queues.map((queue) => [queue.workQueueName, queue.workQueueId]) : [])
  return {
    holders: holders
      .map((holder) => toHolder(holder, idOf))
      .toSorted((a, b) => compare(a.since ?? '', b.since ?? '') || compare(a.flowRunId, b.flowRunId)),
    workers: workers
      .map(({ name, status, lastHeartbeatTime }) => ({ name, status, lastHeartbeatTime: text(lastHeartbeatTime) }))
      .toSorted((a, b) => compare(a.name, b.name)),
  }
}

function toHolder({ flowRun, slotAcquiredAt, lease }: SlotHolder, idOf: ReadonlyMap<string, string>): Holder {
  return {
    flowRunId: flowRun.id,
    name: flowRun.name,
    stateType: flowRun.stateType,
    workQueueId: flowRun.workQueueId ?? idOf.get(flowRun.workQueueName ?? '') ?? null,
    since: slotAcquiredAt && text(slotAcquiredAt),
    ...(lease && { lease: { holder: lease.holder, expiresAt: text(lease.expiresAt) } }),
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

function text(time: Date): Sent<Date> {
  return time.toISOString()
}
