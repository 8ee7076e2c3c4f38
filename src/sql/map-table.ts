import { type RawBuilder, sql } from 'kysely'
import type { Dialect } from '../model/dialect.js'

/**
 * A map as a table of two columns, `id` and `value`, to join in an `update`. It travels as one parameter, so
 * that a statement's text does not depend on its size.
 */
export function pairs(
  map: ReadonlyMap<string, string | number>,
  valueType: 'uuid' | 'integer',
  dialect: Dialect,
): RawBuilder<unknown> {
  const json = JSON.stringify(Object.fromEntries(map))
  return dialect === 'postgres'
    ? sql`select cast(key as uuid) as id, cast(value as ${sql.raw(valueType)}) as value
          from jsonb_each_text(cast(cast(${json} as text) as jsonb))`
    : sql`select key as id, value from json_each(${json})`
}
