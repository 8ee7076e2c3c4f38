import { isDeepStrictEqual } from 'node:util'
import type { StepTrace } from './replay.js'
import type { Json } from './symbols.js'

/** At one place of an answer: what Prefect has there, and what the library has. `undefined` is nothing. */
class Instead {
  readonly prefects: Json | undefined
  readonly ours: Json | undefined

  constructor(prefects: Json | undefined, ours: Json | undefined) {
    this.prefects = prefects
    this.ours = ours
  }
}

/** What of Prefect's answer is another one here, by its place. What a patch does not name is the same. */
export type Patch = Instead | { readonly [key: string]: Patch }

export const instead = (prefects: Json, ours: Json): Patch => new Instead(prefects, ours)
export const added = (ours: Json): Patch => new Instead(undefined, ours)
export const removed = (prefects: Json): Patch => new Instead(prefects, undefined)

/** Prefect's answer with what the patch puts in its place. Throws where Prefect's answer is not the one that the patch replaces. */
export function patched(prefect: StepTrace, patch: Patch): StepTrace {
  return (put(prefect as Json, patch, 'answer') ?? {}) as StepTrace
}

function put(prefect: Json | undefined, patch: Patch, place: string): Json | undefined {
  if (patch instanceof Instead) {
    if (isDeepStrictEqual(prefect, patch.prefects)) return patch.ours
    throw new Error(`${place}: Prefect has ${JSON.stringify(prefect)}, not ${JSON.stringify(patch.prefects)}`)
  }
  if (typeof (prefect ?? {}) !== 'object')
    throw new Error(`${place}: Prefect has ${JSON.stringify(prefect)}, not a record`)
  const merged = new Map(Object.entries(prefect ?? {}))
  for (const [key, of] of Object.entries(patch)) {
    const value = put(merged.get(key), of, `${place} > ${key}`)
    if (value === undefined) merged.delete(key)
    else merged.set(key, value)
  }
  // A table or an answer of which nothing is left is not there.
  return merged.size > 0 ? Object.fromEntries(merged) : undefined
}
