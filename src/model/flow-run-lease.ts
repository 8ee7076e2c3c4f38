import { type Columns, table, text, time, type Timestamp } from './columns.js'

/** In whose name a run was claimed, and until when. */
export interface FlowRunLease {
  flowRunId: string
  /** Who claimed the run: a name of the host's choice. */
  holder: string
  acquiredAt: Date
  expiresAt: Date
}

/**
 * The table `flow_run_lease`: a row for each run that was claimed in a holder's name.
 *
 * Nothing but claims, renewals and releases writes it. So the row of a run that ended, or was claimed anew
 * without a holder, stays until one of these meets it: whether a lease holds is told by the run's history.
 */
export interface FlowRunLeaseTable {
  flow_run_id: string
  /** The state of the claim: PENDING, the first of the slot that the lease is for. */
  state_id: string
  holder: string
  acquired_at: Timestamp
  expires_at: Timestamp
}

export const flowRunLeaseColumns: Columns<FlowRunLease, FlowRunLeaseTable> = {
  [table]: 'flow_run_lease',
  flowRunId: text('flow_run_id'),
  holder: text('holder'),
  acquiredAt: time('acquired_at'),
  expiresAt: time('expires_at'),
}
