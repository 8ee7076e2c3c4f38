import { type RawBuilder, sql } from 'kysely'
import type { Condition } from '../sql/lists.js'
import { decodeInteger } from '../model/values.js'
import type { Scope } from '../session.js'

/** How far an explanation counts runs: a queue of a million costs no more than one of ten thousand. */
export const COUNT_LIMIT = 10_000

/** Counts the runs that belong in one of these ways and meet the condition, no further than `limit`. */
export async function countRuns(
  { db, tables }: Scope,
  members: readonly Condition[],
  condition: Condition,
  limit: number,
): Promise<number> {
  const counts = members.map(
    (isMember): RawBuilder<unknown> => sql`(
      select count(*) from (
        select 1 from ${tables.flow_run} as run where ${isMember} and ${condition} limit ${sql.lit(limit)}
      ) as counted)`,
  )
  return Math.min(limit, await readCount({ db }, sql.join(counts, sql` + `)))
}

/** Reads a number that SQL says. */
export async function readCount({ db }: Pick<Scope, 'db'>, count: RawBuilder<unknown>): Promise<number> {
  const { rows } = await sql<{ count: unknown }>`select ${count} as count`.execute(db)
  return decodeInteger(rows[0]?.count)
}
