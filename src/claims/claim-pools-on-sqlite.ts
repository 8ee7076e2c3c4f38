import { sql } from 'kysely'
import { type PoolPoll, type ScheduledFlowRun, sendPoolPoll } from '../polls/pool-poll.js'
import { poolPollOnSqlite } from '../polls/pool-poll.sqlite.js'
import { type Scope, transact } from '../session.js'
import { CLAIM_SLOTS } from '../sql/active-runs.js'
import { recallPools, rememberPools } from '../sql/known-queues.js'
import type { PoolClaimOptions } from './claim-pools-on-postgres.js'
import { enterPendingRuns } from './enter-pending-runs.js'
import { checkPicked, type PickedRun } from './picked-run.js'
import { recordPollsOf } from './recorded-polls.js'

/**
 * Claims runs over pools on SQLite, where the transaction has the one write lock from its first statement on.
 *
 * Unless the last claim over the same found something, it looks first: the usual claim, which finds nothing,
 * does not wait for the lock.
 */
export async function claimPoolsOnSqlite(
  scope: Scope,
  poll: PoolPoll,
  { now, recordPolls, lease }: PoolClaimOptions,
): Promise<ScheduledFlowRun[]> {
  const looksFirst = !scope.isTransaction && !recordPolls && recallPools(scope, poll)?.foundNothing !== false
  if (looksFirst && (await pick(scope, poll)).length === 0) return []
  const claimed = await transact(scope, async (inside) => {
    if (recordPolls) await recordPollsOf(inside, poll, now)
    const picked = await pick(inside, poll)
    const flowRuns = await enterPendingRuns(
      inside,
      picked.map(({ id }) => id),
      { now, lease },
    )
    const places = new Map(picked.map(({ id, workPoolId, workQueueId }) => [id, { workPoolId, workQueueId }]))
    return flowRuns.flatMap((flowRun) => {
      const place = places.get(flowRun.id)
      return place === undefined ? [] : [{ ...place, flowRun }]
    })
  })
  rememberPools(scope, poll, { foundNothing: claimed.length === 0 })
  return claimed
}

type Picked = PickedRun & Pick<ScheduledFlowRun, 'workPoolId' | 'workQueueId'>

/** The runs to claim, in the order in which they are handed out. */
async function pick(scope: Scope, poll: PoolPoll): Promise<Picked[]> {
  const columns = sql`
    run.id, run.next_scheduled_start_time as "nextScheduledStartTime", run.state_timestamp as "stateTimestamp"`
  const rows = await sendPoolPoll<Picked>(scope, 'claim-pools-pick', poll, CLAIM_SLOTS, {
    build: (text) => poolPollOnSqlite(scope, text, columns),
  })
  rows.forEach(checkPicked)
  return rows
}
