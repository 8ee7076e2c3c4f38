import { type RawBuilder, sql } from 'kysely'
import { decode, selection } from '../model/columns.js'
import { workPoolColumns } from '../model/work-pool.js'
import type { WorkPool } from '../model/work-pool.js'
import type { Scope } from '../session.js'

/**
 * The work pools that a condition on the alias `pool` selects.
 *
 * @param rest - What follows the condition: order, limit, lock.
 */
export async function selectWorkPools(
  { db, dialect, tables }: Scope,
  condition: RawBuilder<unknown>,
  rest: RawBuilder<unknown> = sql``,
): Promise<WorkPool[]> {
  const { rows } = await sql<object>`
    select ${selection(workPoolColumns, dialect, 'pool')}
    from ${tables.work_pool} as pool
    where ${condition}
    ${rest}
  `.execute(db)
  return rows.map((row) => decode(workPoolColumns, row))
}
