import { decode, flowRunColumns } from '../schema/columns.js'
import type { FlowRun } from '../schema/records.js'
import type { Scope } from '../session.js'
import { type PoolPoll, poolPollStatement, type SlotRule } from './pool-poll-statement.js'

/** A run that may start, and where it was found. */
export interface ScheduledFlowRun {
  workPoolId: string
  workQueueId: string
  flowRun: FlowRun
}

/** Polls work pools, after the checks. */
export async function pollPools(scope: Scope, poll: PoolPoll, rule: SlotRule): Promise<ScheduledFlowRun[]> {
  const { rows } = await poolPollStatement<{ workPoolId: string; workQueueId: string }>(scope, poll, rule).execute(
    scope.db,
  )
  return rows.map((row) => ({
    workPoolId: row.workPoolId,
    workQueueId: row.workQueueId,
    flowRun: decode(flowRunColumns, row),
  }))
}
