// Between Prefect's JSON, which is snake_case, and the library's records and inputs, which are camelCase.

import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { FlowRun, Worker, WorkPool, WorkQueue } from 'kysely-work-queues'
import { z } from 'zod'

export function toSnakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function toCamelCase(key: string): string {
  return key.replace(/_+([a-z]?)/g, (_, letter: string) => letter.toUpperCase())
}

type Json = Record<string, unknown>

/** Renames the keys of an object, and not those of what it holds: JSON columns are the caller's own. */
function renameKeys(value: object, rename: (key: string) => string): Json {
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [rename(key), member]))
}

export function queueToJson(queue: WorkQueue, poolName: string | undefined, activeSlots: number | undefined): Json {
  return {
    ...renameKeys(queue, toSnakeCase),
    filter: queue.filter && renameKeys(queue.filter, toSnakeCase),
    work_pool_name: poolName ?? null,
    active_slots: queue.concurrencyLimit === null ? null : (activeSlots ?? 0),
  }
}

export function poolToJson(pool: WorkPool, activeSlots: number | undefined): Json {
  return {
    ...renameKeys(pool, toSnakeCase),
    // Agents are not workers, so Prefect says nothing about whether a pool of theirs is ready.
    status: pool.type === 'prefect-agent' ? null : pool.status,
    active_slots: pool.concurrencyLimit === null ? null : (activeSlots ?? 0),
  }
}

export function workerToJson(worker: Worker): Json {
  return renameKeys(worker, toSnakeCase)
}

/** A run with its state, without which Prefect's clients would not know what to do with it. */
export function runToJson(run: FlowRun): Json {
  const { stateId, stateType, stateName, stateTimestamp } = run
  return {
    ...renameKeys(run, toSnakeCase),
    state: stateType && {
      id: stateId,
      type: stateType,
      name: stateName,
      timestamp: stateTimestamp,
      state_details: { flow_run_id: run.id, scheduled_time: run.nextScheduledStartTime },
    },
  }
}

/** What a time is parsed with: ISO text into a `Date` that databases hold, as the library's own schemas check it. */
const time = z.iso.datetime({ offset: true }).transform((text) => new Date(text))

/** Checks Prefect's JSON with a schema of the library: its keys are renamed first, and its times are parsed. */
export function fromJson<T>(schema: z.ZodType<T>): z.ZodType<T> {
  return z.record(z.string(), z.unknown()).transform((body) => {
    const { lastPolled, filter, ...input } = renameKeys(body, toCamelCase)
    return schema.parse({
      ...input,
      ...(lastPolled !== undefined && { lastPolled: time.nullable().parse(lastPolled) }),
      ...(filter !== undefined && { filter: isObject(filter) ? renameKeys(filter, toCamelCase) : filter }),
    })
  })
}

/** Checks a filter of Prefect's with the library's schema: `any_` is `any`, `and_` is `and`, `startswith_` is `startsWith`. */
export function filterFromJson<T>(schema: z.ZodType<T>): z.ZodType<T | undefined> {
  return z
    .record(z.string(), z.unknown())
    .nullish()
    .transform((body) => {
      if (body === null || body === undefined) return undefined
      const { operator, ...criteria } = withoutNulls(body)
      const renamed = Object.entries(criteria).map(([key, criterion]) => [
        key,
        isObject(criterion) ? renameKeys(withoutNulls(criterion), toCriterion) : criterion,
      ])
      return schema.parse({
        ...Object.fromEntries(renamed),
        ...(operator !== undefined && { operator: operator === 'or_' ? 'or' : 'and' }),
      })
    })
}

function toCriterion(key: string): string {
  return key === 'startswith_' ? 'startsWith' : key.replace(/_$/, '')
}

function withoutNulls(value: object): Json {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null))
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const MAX_LIMIT = 200

/** The part of a list that a body asks for. */
export const page = {
  limit: z
    .int()
    .min(0)
    .max(MAX_LIMIT)
    .nullish()
    .transform((limit) => limit ?? MAX_LIMIT),
  offset: z
    .int()
    .min(0)
    .nullish()
    .transform((offset) => offset ?? 0),
}

/** The times of a poll's body. */
export const times = {
  scheduled_before: time.nullish().transform((date) => date ?? undefined),
  scheduled_after: time.nullish().transform((date) => date ?? undefined),
}

/** Reads and checks a request's body; none counts as an empty object. */
export async function readBody<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  const text = await c.req.text()
  let body: unknown
  try {
    body = text === '' ? {} : JSON.parse(text)
  } catch {
    throw new HTTPException(422, { message: 'The body is not JSON.' })
  }
  return schema.parse(body)
}

/** What was read, or 404. */
export function found<T>(value: T | undefined, detail: string): T {
  if (value === undefined) throw new HTTPException(404, { message: detail })
  return value
}
