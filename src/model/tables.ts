import type { FlowRunLeaseTable } from './flow-run-lease.js'
import type { FlowRunStateTable } from './flow-run-state.js'
import type { FlowRunTable } from './flow-run.js'
import type { WorkPoolTable } from './work-pool.js'
import type { WorkQueueTable } from './work-queue.js'
import type { WorkQueueEventTable } from './work-queue-event.js'
import type { WorkerTable } from './worker.js'

/**
 * The tables that this library reads and writes, as Kysely types. A host's database type extends it.
 *
 * @example
 * ```ts
 * interface Database extends WorkQueueTables {
 *   invoice: InvoiceTable
 * }
 * const db = new Kysely<Database>({ dialect })
 * ```
 */
export interface WorkQueueTables {
  work_pool: WorkPoolTable
  work_queue: WorkQueueTable
  worker: WorkerTable
  flow_run: FlowRunTable
  flow_run_state: FlowRunStateTable
}

/**
 * The table of leases, as a Kysely type: for a host that has it and reads it.
 *
 * @example
 * ```ts
 * import type { LeaseTables, WorkQueueTables } from 'kysely-work-queues'
 *
 * interface Database extends WorkQueueTables, LeaseTables {
 *   invoice: InvoiceTable
 * }
 * ```
 */
export interface LeaseTables {
  flow_run_lease: FlowRunLeaseTable
}

/**
 * The table of the event log, as a Kysely type: for a host that has it and reads it.
 *
 * @example
 * ```ts
 * import type { EventTables, WorkQueueTables } from 'kysely-work-queues'
 *
 * interface Database extends WorkQueueTables, EventTables {
 *   invoice: InvoiceTable
 * }
 * ```
 */
export interface EventTables {
  work_queue_event: WorkQueueEventTable
}

/** All tables of ours, also those that a host may do without. */
export interface AllTables extends WorkQueueTables, LeaseTables, EventTables {}
