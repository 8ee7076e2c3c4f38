import { sql } from 'kysely'
import type { TestDatabase } from './databases.js'

/** The foreign keys of our tables whose column begins no index: each row that is deleted at the other end scans the whole table. */
export async function unindexedForeignKeys({ plain: db, dialect }: TestDatabase): Promise<string[]> {
  const { rows } = await sql<{ key: string }>`
    ${sql.raw(
      dialect === 'postgres'
        ? `select key.conrelid::regclass || '.' || attname as key
           from pg_constraint as key
           join pg_attribute on attrelid = key.conrelid and attnum = key.conkey[1]
           where key.contype = 'f' and not exists (
             select 1 from pg_index where indrelid = key.conrelid and indkey[0] = key.conkey[1] and indpred is null)`
        : `select tables.name || '.' || key."from" as key
           from sqlite_schema as tables, pragma_foreign_key_list(tables.name) as key
           where tables.type = 'table' and not exists (
             select 1 from pragma_index_list(tables.name) as list, pragma_index_info(list.name) as info
             where info.seqno = 0 and info.name = key."from" and not list.partial)`,
    )} order by 1
  `.execute(db)
  return rows.map(({ key }) => key)
}
