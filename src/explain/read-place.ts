import { sql } from 'kysely'
import { type ExplainedFlowRun, openSlotsOf, type PlaceFacts } from '../rules/judge-flow-run.js'
import type { AheadFacts, ExplainedBy } from '../rules/reasons.js'
import { type Condition, hasAnyId } from '../sql/lists.js'
import { comesBefore, isDue } from '../sql/runs.js'
import { encodeTime } from '../model/values.js'
import type { Scope } from '../session.js'
import { slotsOfPool } from '../sql/active-runs.js'
import { DEFAULT_POOL_POLL_LIMIT, pollPools } from '../polls/pool-poll.js'
import { selectWorkQueues } from '../work-queues/select-work-queues.js'
import { COUNT_LIMIT, countRuns } from './count-runs.js'
import { candidatesOf, readPoolFacts, readQueueAndPool, readQueueFacts } from './read-facts.js'

/** A run of which the place is asked. */
type PlacedFlowRun = ExplainedFlowRun & { readonly id: string; readonly workQueueId: string | null }

/** Reads what a run's place depends on, with the expressions and the statement that polls, or claims, use. */
export async function readPlace(
  scope: Scope,
  workQueueId: string,
  run: PlacedFlowRun,
  now: Date,
  by: ExplainedBy,
): Promise<PlaceFacts | undefined> {
  const found = await readQueueAndPool(scope, workQueueId)
  if (found === undefined) return undefined
  const { queue, pool } = found
  const candidates = candidatesOf(scope, queue, by)
  const queueFacts = await readQueueFacts(scope, queue, by, run.id)
  const poolFacts = await readPoolFacts(scope, pool, by, run.id)
  const isPolledByPool = run.workQueueId !== null

  const open = openSlotsOf(queueFacts, poolFacts, by)
  const isLimited = open !== Infinity
  // At least as far as the poll goes, so that it is known whether the poll comes to the run.
  const furthest = Math.max(COUNT_LIMIT, open)
  const aheadInQueue =
    isLimited && run.isDue ? await countRuns(scope, candidates.members, aheadOf(scope, run.id, now), furthest) : 0
  const comesToPool =
    isPolledByPool &&
    run.stateType === 'SCHEDULED' &&
    run.isDue &&
    !run.isRetriedInProcess &&
    !queue.isPaused &&
    !pool.isPaused
  const inPool = comesToPool ? await readAheadInPool(scope, pool.id, run.id, now, by) : undefined
  return {
    queue: queueFacts,
    pool: poolFacts,
    isMember: queue.filter === null || (await countRuns(scope, candidates.members, sql`run.id = ${run.id}`, 1)) > 0,
    aheadInQueue,
    isPolledByPool,
    aheadInPool: inPool?.ahead,
    isPassedOverInPool: inPool?.isPassedOver ?? false,
    poolPollLimit: DEFAULT_POOL_POLL_LIMIT,
  }
}

/** The run is due, and comes before the one asked about. */
function aheadOf({ dialect, tables }: Scope, id: string, now: Date): Condition {
  return sql`${isDue(sql`${encodeTime(now, dialect)}`)} and ${comesBefore(tables.flow_run, id)}`
}

/** What polls, or claims, take of the pool before they come to the run, were it not for the pool's limit. */
async function readAheadInPool(
  scope: Scope,
  workPoolId: string,
  id: string,
  now: Date,
  by: ExplainedBy,
): Promise<{ ahead: AheadFacts[] | undefined; isPassedOver: boolean }> {
  const limit = DEFAULT_POOL_POLL_LIMIT
  const taken = await pollPools(
    scope,
    {
      workPoolIds: [workPoolId],
      scheduledBefore: now,
      limit,
      respectQueuePriorities: true,
      lock: false,
      ignorePoolLimits: true,
    },
    slotsOfPool(by),
  )
  const index = taken.findIndex(({ flowRun }) => flowRun.id === id)
  if (index === -1 && taken.length < limit) return { ahead: undefined, isPassedOver: true }

  const counts = new Map<string, number>()
  for (const { workQueueId } of index === -1 ? taken : taken.slice(0, index)) {
    counts.set(workQueueId, (counts.get(workQueueId) ?? 0) + 1)
  }
  const queues = await selectWorkQueues(scope, hasAnyId('queue.id', [...counts.keys()], scope.dialect))
  const ahead = queues
    .map(({ id: workQueueId, name, priority }) => ({
      workQueueId,
      workQueueName: name,
      priority,
      runs: counts.get(workQueueId) ?? 0,
    }))
    .toSorted((a, b) => a.priority - b.priority)
  return { ahead, isPassedOver: false }
}
