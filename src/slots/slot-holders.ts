import { type RawBuilder, sql } from 'kysely'
import { WORK_QUEUE_SLOT_STATES } from '../rules/states.js'
import { decode, decodeAt } from '../model/columns.js'
import { flowRunColumns } from '../model/flow-run.js'
import { leaseHolds } from '../sql/leases.js'
import { isOneOf } from '../sql/lists.js'
import { hasTable } from '../sql/optional-tables.js'
import type { LeaseFacts } from '../rules/reasons.js'
import type { FlowRun } from '../model/flow-run.js'
import { decodeTime, timeAsText } from '../model/values.js'
import type { Scope } from '../session.js'

/** A run that occupies a slot. */
export interface SlotHolder {
  flowRun: FlowRun
  /** When the current unbroken occupation began; `null` when the run's states were not kept. */
  slotAcquiredAt: Date | null
  /** Who holds it, and until when: where it was claimed in a holder's name, and that lease holds. */
  lease?: LeaseFacts
}

/**
 * When the run under the alias `run` came to occupy its slot: the time of its first slot-occupying state
 * since its last other state. A run that was retried occupies since its current attempt.
 *
 * Source: `_slot_acquired_at_subquery` of Prefect's `models.workers`, also in that a state counts that has
 * the very time of the other state before it. The history is read twice and no more: asked of each state
 * whether another came later, it was read as often as it is long.
 */
export function slotAcquiredAt({ dialect, tables }: Pick<Scope, 'dialect' | 'tables'>): RawBuilder<unknown> {
  const occupies = isOneOf('state.type', WORK_QUEUE_SLOT_STATES)
  return sql`(
    select ${sql.raw(timeAsText('min(state.timestamp)', dialect))}
    from (
      select max(other.timestamp) as timestamp from ${tables.flow_run_state} as other
      where other.flow_run_id = run.id and not ${isOneOf('other.type', WORK_QUEUE_SLOT_STATES)}
    ) as last
    cross join ${tables.flow_run_state} as state
    where state.flow_run_id = run.id and ${occupies} and (last.timestamp is null or state.timestamp >= last.timestamp))`
}

/** What is selected of the leases of runs under the alias `run`, and how they are joined. */
export interface LeaseParts {
  /** After other columns. */
  readonly columns: RawBuilder<unknown>
  readonly join: RawBuilder<unknown>
}

/** The leases that hold; nothing, where there is no table of leases. */
export async function leaseParts(scope: Scope): Promise<LeaseParts> {
  if (!(await hasTable(scope, 'flow_run_lease', 'read'))) return { columns: sql``, join: sql`` }
  const { dialect, tables } = scope
  const expiresAt = sql.raw(timeAsText('lease.expires_at', dialect))
  return {
    columns: sql`, lease.holder as "leaseHolder", ${expiresAt} as "leaseExpiresAt"`,
    join: sql`left join ${tables.flow_run_lease} as lease on lease.flow_run_id = run.id and ${leaseHolds(scope)}`,
  }
}

/** What {@link leaseParts} selects. */
export interface LeaseRow {
  readonly leaseHolder?: string | null
  readonly leaseExpiresAt?: unknown
}

/** Reads the lease of a run, if it has one, as a part of a record. */
export function toLease({ leaseHolder, leaseExpiresAt }: LeaseRow, flowRunId: string): { lease?: LeaseFacts } {
  if (typeof leaseHolder !== 'string') return {}
  const expiresAt = decodeAt(decodeTime, leaseExpiresAt, 'flow_run_lease', flowRunId, 'expires_at')
  return expiresAt === null ? {} : { lease: { holder: leaseHolder, expiresAt } }
}

/** Makes a slot holder of a row with the columns of a run, `slotAcquiredAt`, and its lease's. */
export function toSlotHolder(row: object & { slotAcquiredAt: unknown } & LeaseRow): SlotHolder {
  const flowRun = decode(flowRunColumns, row)
  const slotAcquiredAt = decodeSlotAcquiredAt(row.slotAcquiredAt, flowRun.id)
  return { flowRun, slotAcquiredAt, ...toLease(row, flowRun.id) }
}

/**
 * Reads what {@link slotAcquiredAt} selects. An error names the run: of its states, it is not known which
 * cannot be read.
 */
export function decodeSlotAcquiredAt(value: unknown, flowRunId: string): Date | null {
  return decodeAt(decodeTime, value, 'flow_run_state', flowRunId, 'timestamp')
}
