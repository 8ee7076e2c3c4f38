import { createIndexes, dropIndexes, type Index } from './index-statements.js'
import type { Statements } from './migration.js'

// Indexes without which a call costs a product, or all that was ever changed. Our tables of 2026-11-24 lack
// them, and so does Prefect's own database. Frozen: a change is a new migration.

const INDEXES: readonly Index[] = [
  // Each queue that is deleted looks for a pool that it is the default queue of: with 4,000 queues among
  // 6,000 pools 2 s instead of 0.2.
  { name: 'ix_work_pool__default_queue_id', table: 'work_pool', on: '(default_queue_id)' },
  // What upkeep looks at, and not what it has marked before. Heartbeats and polls change none of the columns:
  // on PostgreSQL an update that writes no index entry stays the cheap one.
  { name: 'ix_worker__online', table: 'worker', on: "(work_pool_id, id) where status = 'ONLINE'" },
  { name: 'ix_work_pool__ready', table: 'work_pool', on: "(id) where status = 'READY'" },
  { name: 'ix_work_queue__ready', table: 'work_queue', on: "(id) where status = 'READY'" },
]

// SQLite counts active runs as far as the largest limit of all, and finds that at an index's end.
const LIMITS: readonly Index[] = ['work_pool', 'work_queue'].map((table) => ({
  name: `ix_${table}__concurrency_limit`,
  table,
  on: '(concurrency_limit) where concurrency_limit is not null',
}))

const ON_SQLITE = [...INDEXES, ...LIMITS]

/** Statements that create the indexes. */
export const CREATE_INDEXES: Statements = {
  postgres: createIndexes(INDEXES).postgres,
  sqlite: createIndexes(ON_SQLITE).sqlite,
}

/** Statements that drop the indexes. */
export const DROP_INDEXES: Statements = {
  postgres: dropIndexes(INDEXES).postgres,
  sqlite: dropIndexes(ON_SQLITE).sqlite,
}
