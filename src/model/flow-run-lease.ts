import * as z from 'zod'
import { labelSchema, MAX_INTEGER } from './checks.js'
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

/** In whose name a claim is made. */
export interface LeaseOptions {
  /**
   * Who claims: a name that is not blank. Each run that is claimed then has a lease, which the holder
   * prolongs by `renewLeases`; `releaseExpiredLeases` frees the runs of a holder that does not. Default:
   * nobody, and no lease.
   */
  holder?: string | undefined
  /** How long the leases are, in whole seconds. Only with a holder. Default: 60. */
  leaseSeconds?: number | undefined
}

/** A lease that a claim makes. */
export interface NewLease {
  readonly holder: string
  readonly leaseSeconds: number
}

export const DEFAULT_LEASE_SECONDS = 60

/** Who holds leases. */
export const holderSchema: z.ZodType<string, string> = labelSchema

export const leaseSecondsSchema: z.ZodType<number, number> = z.int().min(1).max(MAX_INTEGER)

/** The shape of {@link LeaseOptions}, to be spread into a schema of options, with {@link needsHolder}. */
export const leaseShape: {
  holder: z.ZodOptional<z.ZodType<string, string>>
  leaseSeconds: z.ZodOptional<z.ZodType<number, number>>
} = { holder: holderSchema.optional(), leaseSeconds: leaseSecondsSchema.optional() }

/** Refuses a length for leases that nobody would hold. */
export function needsHolder({ holder, leaseSeconds }: LeaseOptions, context: z.RefinementCtx): void {
  if (holder !== undefined || leaseSeconds === undefined) return
  context.addIssue({ code: 'custom', path: ['leaseSeconds'], message: 'is of no use without a holder' })
}

/** The lease that options ask for. */
export function leaseOf({ holder, leaseSeconds = DEFAULT_LEASE_SECONDS }: LeaseOptions): NewLease | undefined {
  return holder === undefined ? undefined : { holder, leaseSeconds }
}
