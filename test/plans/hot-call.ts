import type { Db, Tables } from './plan-database.js'
import type { Ids } from './seed-plan-database.js'

/** A call whose cost must not grow with what is stored. */
export interface HotCall {
  readonly title: string
  readonly call: (db: Db, ids: Ids) => Promise<unknown>
  /** How many statements at the beginning are none of its own. Default: none. */
  readonly skips?: number
  /** The indexes that each of its statements looks things up in, on PostgreSQL and on SQLite if that differs. */
  readonly postgres: readonly string[]
  readonly sqlite?: readonly string[]
  /** Whether it sorts what it reads. */
  readonly sorts?: boolean
  /** On whose tables it holds. Default: on both. */
  readonly tables?: Tables
  /** The planner's estimate that it must stay below. PostgreSQL only. Default: 100,000, above which PostgreSQL compiles a plan first. */
  readonly cost?: number
  /** How many pages each statement may touch. PostgreSQL only. Default: 1,000. */
  readonly pages?: number
  /** How many runs and states each statement may read. */
  readonly rows: number
}
