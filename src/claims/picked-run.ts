import { decodeAt } from '../model/columns.js'
import { decodeTime } from '../model/values.js'

/** A run that is about to be claimed on SQLite, which holds anything in any column. */
export interface PickedRun {
  readonly id: string
  readonly nextScheduledStartTime: unknown
  readonly stateTimestamp: unknown
}

/** What the claim would write on, or over, has to be readable. */
export function checkPicked({ id, nextScheduledStartTime, stateTimestamp }: PickedRun): void {
  decodeAt(decodeTime, nextScheduledStartTime, 'flow_run', id, 'next_scheduled_start_time')
  decodeAt(decodeTime, stateTimestamp, 'flow_run', id, 'state_timestamp')
}
