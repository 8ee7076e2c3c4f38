import { BASE, type Json, microsecondText, type Symbols } from './symbols.js'

/** A step's arguments, with the keys of the library. Times are `Date`s. */
export type Arguments = Record<string, any>

/** Resolves what stands for something in a step's arguments, and turns `snake_case` keys into ours. */
export async function toArguments(value: Json | undefined, symbols: Symbols, now: Date): Promise<Arguments> {
  return (await convert(
    value ?? {},
    symbols,
    now,
    (seconds) => new Date(BASE + seconds * 1000),
    camelCase,
  )) as Arguments
}

/** Resolves arguments that are written past the library: columns keep their names, and times are text. */
export async function toColumns(value: Json | undefined, symbols: Symbols, now: Date): Promise<Arguments> {
  return (await convert(value ?? {}, symbols, now, microsecondText, (key) => key)) as Arguments
}

async function convert(
  value: Json,
  symbols: Symbols,
  now: Date,
  toTime: (seconds: number) => unknown,
  toKey: (key: string) => string,
): Promise<unknown> {
  const again = (inner: Json): Promise<unknown> => convert(inner, symbols, now, toTime, toKey)
  if (typeof value === 'string') {
    if (value.startsWith('$$')) return value.slice(1)
    return value.startsWith('$') ? await symbols.resolve(value.slice(1)) : value
  }
  if (Array.isArray(value)) return await Promise.all(value.map(again))
  if (value === null || typeof value !== 'object') return value
  if (typeof value['$time'] === 'number') return toTime(value['$time'])
  if (typeof value['$now'] === 'number') return toTime((now.getTime() - BASE) / 1000 + value['$now'])
  if (value['$by_id'] !== undefined) {
    const entries = Object.entries(value['$by_id'] as Record<string, Json>)
    return new Map(await Promise.all(entries.map(async ([id, of]) => [await again(id), await again(of)] as const)))
  }
  const entries = Object.entries(value).filter(([key]) => key !== '$schema')
  return Object.fromEntries(
    await Promise.all(
      // A job template is the user's own: its keys are data.
      entries.map(async ([key, of]) => [toKey(key), key === 'base_job_template' ? of : await again(of)] as const),
    ),
  )
}

function camelCase(key: string): string {
  return key
    .replace(/_$/, '')
    .replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
    .replace('startswith', 'startsWith')
}
