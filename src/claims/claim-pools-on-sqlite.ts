import { type PoolPoll, pollPools, type ScheduledFlowRun } from '../polls/pool-poll.js'
import { type Scope, transact } from '../session.js'
import { CLAIM_SLOTS } from '../sql/active-runs.js'
import type { PoolClaimOptions } from './claim-pools-on-postgres.js'
import { enterPendingRuns } from './enter-pending-runs.js'
import { recordPollsOf } from './recorded-polls.js'

/**
 * Claims runs over pools on SQLite, where the transaction has the one write lock from its first statement on.
 */
export async function claimPoolsOnSqlite(
  scope: Scope,
  poll: PoolPoll,
  { now, recordPolls, lease }: PoolClaimOptions,
): Promise<ScheduledFlowRun[]> {
  // A look first, so that the usual claim, which finds nothing, does not wait for the lock.
  if (!scope.isTransaction && !recordPolls && (await pollPools(scope, poll, CLAIM_SLOTS)).length === 0) return []
  return await transact(scope, async (inside) => {
    if (recordPolls) await recordPollsOf(inside, poll, now)
    const found = await pollPools(inside, poll, CLAIM_SLOTS)
    const ids = found.map(({ flowRun }) => flowRun.id)
    const flowRuns = new Map(
      (await enterPendingRuns(inside, ids, { now, lease })).map((flowRun) => [flowRun.id, flowRun]),
    )
    return found.map((place) => ({ ...place, flowRun: flowRuns.get(place.flowRun.id) ?? place.flowRun }))
  })
}
