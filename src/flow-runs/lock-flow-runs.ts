import { sql } from 'kysely'
import type { Scope } from '../session.js'
import { hasAnyId } from '../sql/lists.js'

/** Locks flow runs until the transaction ends, in id order: those that there are. */
export async function lockFlowRuns({ db, dialect, tables }: Scope, ids: readonly string[]): Promise<void> {
  if (dialect === 'sqlite' || ids.length === 0) return
  await sql`
    select count(*) from (
      select run.id from ${tables.flow_run} as run
      where ${hasAnyId('run.id', ids, dialect)}
      order by run.id
      for no key update
    ) as run
  `.execute(db)
}
