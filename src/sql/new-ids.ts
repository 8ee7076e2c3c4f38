import { type RawBuilder, sql } from 'kysely'

/** PostgreSQL: a new id for each row: a head made by `newIdHead` of model/ids.ts, and what is random. */
export function idWithHead(head: RawBuilder<unknown>): RawBuilder<string> {
  return sql`cast(overlay(cast(gen_random_uuid() as text) placing ${head} from 1 for 15) as uuid)`
}
