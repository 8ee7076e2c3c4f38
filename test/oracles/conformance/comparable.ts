import type { StepTrace } from './replay.js'
import type { Json } from './symbols.js'

/**
 * A step's trace without what is not compared: events, messages, the database's own clock, tables that are not ours, and Prefect's notes on
 * which part of its answer was chance. Times are cut to milliseconds.
 */
export function comparable(trace: StepTrace): StepTrace {
  const { result, error, emitted, state, steps, skipped } = trace
  const rows = state && rowsOf(state)
  return {
    ...(result !== undefined && { result: withoutNotes(cut(result)) }),
    ...(error !== undefined && { error }),
    ...(emitted !== undefined && { emitted }),
    ...(rows !== undefined && Object.keys(rows).length > 0 && { state: rows }),
    ...(steps !== undefined && { steps: steps.map(comparable) }),
    ...(skipped !== undefined && { skipped }),
  }
}

function rowsOf(state: NonNullable<StepTrace['state']>): NonNullable<StepTrace['state']> {
  const tables: NonNullable<StepTrace['state']> = {}
  for (const [table, rows] of Object.entries(state)) {
    if (table === 'deployment') continue
    const changed: { [symbol: string]: Json } = {}
    for (const [symbol, row] of Object.entries(rows)) {
      const columns = row === null ? null : withoutUpdated(row)
      if (columns === null || Object.keys(columns).length > 0) changed[symbol] = columns
    }
    if (Object.keys(changed).length > 0) tables[table] = changed
  }
  return tables
}

function withoutUpdated(row: Json): { [key: string]: Json } {
  const { updated: _, ...columns } = cut(row) as { [key: string]: Json }
  return columns
}

function withoutNotes(result: Json): Json {
  if (result === null || typeof result !== 'object' || Array.isArray(result)) return result
  const { ties: _ties, ambiguous: _ambiguous, ...rest } = result
  return rest
}

function cut(value: Json): Json {
  if (Array.isArray(value)) return value.map(cut)
  if (value === null || typeof value !== 'object') return value
  const time = value['$time']
  if (typeof time === 'number') return { $time: Math.floor(time * 1000 + 1e-6) / 1000 }
  return Object.fromEntries(Object.entries(value).map(([key, of]) => [key, cut(of)]))
}
