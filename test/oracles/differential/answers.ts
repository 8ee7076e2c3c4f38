import {
  countFlowRuns,
  countFlowRunsByState,
  countWorkPoolActiveSlots,
  countWorkPools,
  countWorkQueueActiveSlots,
  countWorkQueues,
  type FlowRun,
  type FlowRunFilter,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  readFlowRuns,
  readLeases,
  readWorkPools,
  readWorkPoolSlotHolders,
  readWorkQueueByName,
  readWorkQueues,
  readWorkQueueSlotHolders,
  readWorkQueueStatus,
  type SlotHolder,
} from 'kysely-work-queues'
import type { TestDatabase } from '../../support/databases.js'
import {
  holdersOfPool,
  holdersOfQueue,
  leasedRuns,
  page,
  pollPools,
  pollQueue,
  queueOfName,
  type Run,
  slotAcquiredAt,
  type State,
  statusOf,
} from './model.js'
import { readPools, readQueues, readRuns, type RunFilter } from './model-filters.js'
import type { Questions } from './questions.js'
import { NOW, STATE_TYPES } from './starting-states.js'

/** The answers to all questions, by ids and numbers. */
export interface Answers {
  readonly queues: unknown
  readonly pools: unknown
  readonly poolPolls: unknown
  readonly queueReads: unknown
  readonly poolReads: unknown
  readonly runReads: unknown
  readonly leases: unknown
  readonly named: unknown
}

const ids = (rows: readonly { id: string }[]): string[] => rows.map(({ id }) => id)

/** What the model answers. */
export function answersOfModel(state: State, asked: Questions): Answers {
  const leased = leasedRuns(state, {})
  const holders = (runs: Run[]): unknown =>
    runs.map((run) => [run.id, slotAcquiredAt(run), leased.includes(run) ? run.lease?.until : undefined])
  const all = { limit: undefined, offset: undefined }
  return {
    queues: state.queues.map((queue) => ({
      polls: asked.queuePolls.map((poll) => [queue.id, ids(pollQueue(state, queue, poll))]),
      slots: holdersOfQueue(state, queue).length,
      holders: holders(page(holdersOfQueue(state, queue), asked.holders)),
      status: { ...statusOf(state, queue, NOW), lastPolled: queue.lastPolled },
    })),
    pools: state.pools.map((pool) => ({
      slots: holdersOfPool(state, pool).length,
      holders: holders(holdersOfPool(state, pool, asked.poolHolders)),
    })),
    poolPolls: asked.poolPolls.map((poll) =>
      pollPools(state, poll).map(({ run, queue }) => [queue.poolId, queue.id, run.id]),
    ),
    queueReads: asked.queueReads.map((read) => [
      ids(readQueues(state, read)),
      readQueues(state, { ...read, ...all }).length,
    ]),
    poolReads: asked.poolReads.map((read) => [
      ids(readPools(state, read)),
      readPools(state, { ...read, ...all }).length,
    ]),
    runReads: asked.runReads.map((read) => {
      const found = readRuns(state, { ...read, ...all })
      const byState = STATE_TYPES.map((type) => found.filter((run) => run.state === type).length)
      return [ids(readRuns(state, read)), found.length, byState]
    }),
    leases: leasedRuns(state, asked.leases).map(({ id, lease }) => [id, lease?.holder, lease?.since, lease?.until]),
    named: queueOfName(state, asked.names.name, asked.names.poolName)?.id,
  }
}

const toDate = (time: number | undefined): Date | undefined => (time === undefined ? undefined : new Date(time))

function toRunFilter(filter: RunFilter): FlowRunFilter {
  const { start, ...rest } = filter
  const times = start && { before: toDate(start.before), after: toDate(start.after) }
  return { ...(rest as FlowRunFilter), nextScheduledStartTime: times }
}

/** All of the list at once, since a server answers while this process waits. */
const each = <T, R>(list: readonly T[], ask: (one: T, n: number) => Promise<R>): Promise<R[]> =>
  Promise.all(list.map(ask))

/** What the library answers on a database, and the records in its answers. */
export async function answersOf(
  { db }: TestDatabase,
  state: State,
  asked: Questions,
): Promise<{ answers: Answers; records: Record<string, unknown> }> {
  const records: Record<string, unknown> = {}
  const keep = <T>(question: string, found: T): T => {
    records[question] = found
    return found
  }
  const holders = (found: SlotHolder[]): unknown =>
    found.map(({ flowRun, slotAcquiredAt: since, lease }) => [
      flowRun.id,
      since?.getTime() ?? null,
      lease?.expiresAt.getTime(),
    ])

  const leases = async (): Promise<unknown> => {
    const { queueIds: workQueueIds, poolIds: workPoolIds, ...rest } = asked.leases
    const found = await readLeases(db, { workQueueIds, workPoolIds, ...rest })
    return found.map(({ flowRunId, holder, acquiredAt, expiresAt }) => [
      flowRunId,
      holder,
      acquiredAt.getTime(),
      expiresAt.getTime(),
    ])
  }
  const queueSlots = await countWorkQueueActiveSlots(db, ids(state.queues))
  const poolSlots = await countWorkPoolActiveSlots(db, ids(state.pools))
  const answers: Answers = {
    queues: await each(state.queues, async ({ id }) => {
      const polls = await each(asked.queuePolls, ({ limit, before }) =>
        getRunsInWorkQueue(db, id, { limit, scheduledBefore: toDate(before) }),
      )
      const { healthy, lateRunsCount, lastPolled } = await readWorkQueueStatus(db, id, { now: new Date(NOW) })
      return {
        polls: polls.map(({ workQueue, runs }) => [workQueue.id, ids(runs)]),
        slots: queueSlots.get(id),
        holders: holders(await readWorkQueueSlotHolders(db, id, asked.holders)),
        status: { healthy, lateRunsCount, lastPolled: lastPolled?.getTime() ?? null },
      }
    }),
    pools: await each(state.pools, async ({ id }) => {
      const { queueIds: workQueueIds, limitPerQueue } = asked.poolHolders
      const found = await readWorkPoolSlotHolders(db, id, { workQueueIds, limitPerQueue })
      return { slots: poolSlots.get(id), holders: holders(found) }
    }),
    poolPolls: await each(asked.poolPolls, async (poll) => {
      const found = await getScheduledFlowRuns(db, {
        workPoolIds: poll.poolIds,
        workQueueIds: poll.queueIds,
        scheduledBefore: toDate(poll.before),
        scheduledAfter: toDate(poll.after),
        limit: poll.limit,
        respectQueuePriorities: poll.byPriority,
      })
      return found.map(({ workPoolId, workQueueId, flowRun }) => [workPoolId, workQueueId, flowRun.id])
    }),
    queueReads: await each(asked.queueReads, async ({ poolId: workPoolId, filter, ...read }, n) => [
      ids(keep(`queues ${n}`, await readWorkQueues(db, { filter, workPoolId, ...read }))),
      await countWorkQueues(db, { filter, workPoolId }),
    ]),
    poolReads: await each(asked.poolReads, async (read, n) => [
      ids(keep(`pools ${n}`, await readWorkPools(db, read))),
      await countWorkPools(db, { filter: read.filter }),
    ]),
    runReads: await each(asked.runReads, async ({ filter: of, ...read }, n) => {
      const filter = of && toRunFilter(of)
      const found: FlowRun[] = keep(`runs ${n}`, await readFlowRuns(db, { filter, ...read }))
      const byState = new Map(Object.entries(await countFlowRunsByState(db, { filter })))
      return [ids(found), await countFlowRuns(db, { filter }), STATE_TYPES.map((type) => byState.get(type))]
    }),
    leases: await leases(),
    named: (await readWorkQueueByName(db, asked.names.name, { workPoolName: asked.names.poolName }))?.id,
  }
  return { answers, records }
}
