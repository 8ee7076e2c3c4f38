// Bodies: Prefect's JSON, checked with the library's own schemas once its keys are renamed.

import { parseISO } from 'date-fns'
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { z } from 'zod'
import { BadRequestBody, type Detail, toDetail } from './details.js'
import { isObject, type Json, renameKeys, toCamelCase } from './keys.js'
import { toUuid } from './path.js'

/** Reads and checks options, most of which a request may leave out, and the body too. */
export async function readOptions<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  return await readBody(c, schema, {})
}

// Keys that are not known come last, as pydantic has them.
const isExtra = ({ type }: Detail): number => Number(type === 'extra_forbidden')

/** Reads and checks a request's body. */
export async function readBody<T>(c: Context, schema: z.ZodType<T>, fallback?: object): Promise<T> {
  const text = await c.req.text()
  let body: unknown
  try {
    body = (text === '' ? null : JSON.parse(text)) ?? fallback
  } catch (error) {
    const msg = `JSON decode error: ${String(error)}`
    throw new BadRequestBody([{ type: 'json_invalid', loc: ['body'], msg, input: {} }], text)
  }
  // For what the library refuses later, which names the place in the body too.
  c.set('body', body)
  const result = schema.safeParse(body)
  if (result.success) return result.data
  const details = result.error.issues.flatMap((issue) => toDetail(issue, body))
  // An option that is missing is missing by itself, and not in a record.
  const isOption = ({ type, loc }: Detail): boolean => type === 'missing' && loc.length === 2 && fallback !== undefined
  throw new BadRequestBody(
    details
      .map((detail) => (isOption(detail) ? { ...detail, input: null } : detail))
      .toSorted((a, b) => isExtra(a) - isExtra(b)),
    body,
  )
}

/** Adds issues of the routes' own to an input, whatever else is wrong with it. */
type ExtraCheck = (input: Json, context: z.RefinementCtx) => void

/** Checks a record's input: keys and times as Prefect has them become the library's. */
export function fromJson<T>(schema: z.ZodType<T>, check?: ExtraCheck): z.ZodType<T> {
  return z.record(z.string(), z.unknown()).transform((body, context) => {
    const input = toInput(body, context)
    if ('lastPolled' in input) input['lastPolled'] = toDate(input['lastPolled'])
    if (isObject(input['filter'])) {
      const filter = toInput(input['filter'], context, ['filter'])
      if (Array.isArray(filter['deploymentIds'])) filter['deploymentIds'] = filter['deploymentIds'].map(toUuid)
      input['filter'] = filter
    }
    check?.(input, context)
    return checkWith(schema, input, context)
  })
}

const OPERATORS = new Map<unknown, string>([
  ['and_', 'and'],
  ['or_', 'or'],
])

/** Checks a filter of Prefect's: `any_` is `any`, `and_` is `and`, `startswith_` is `startsWith`, and null is absent. */
export function filterFromJson<T>(schema: z.ZodType<T>): z.ZodType<T | undefined> {
  return z
    .record(z.string(), z.unknown())
    .nullish()
    .transform((body, context) => {
      if (body === null || body === undefined) return undefined
      const { operator, ...criteria } = withoutNulls(body)
      const input = Object.entries(criteria).map(([key, value]) => [key, isObject(value) ? toCriterion(value) : value])
      const filter: Json = Object.fromEntries(input)
      if (isObject(filter['id']) && Array.isArray(filter['id']['any'])) {
        filter['id']['any'] = filter['id']['any'].map(toUuid)
      }
      if (operator !== undefined) filter['operator'] = OPERATORS.get(operator) ?? operator
      return checkWith(schema, filter, context)
    })
}

function toCriterion(criterion: Json): Json {
  return renameKeys(withoutNulls(criterion), (key) =>
    key === 'startswith_' ? 'startsWith' : key.endsWith('_') ? key.slice(0, -1) : `${key}?`,
  )
}

function withoutNulls(value: object): Json {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null))
}

function toInput(body: Json, context: z.RefinementCtx, path: string[] = []): Json {
  const input: Json = {}
  const unknown: string[] = []
  for (const [key, value] of Object.entries(body)) {
    const name = toCamelCase(key)
    if (name === undefined) unknown.push(key)
    else Object.defineProperty(input, name, { value, enumerable: true, writable: true })
  }
  if (unknown.length > 0) context.issues.push({ code: 'unrecognized_keys', keys: unknown, path, input: body })
  return input
}

/** A schema's issues become the context's, so that they keep the place of the part that it checks. */
export function checkWith<T>(schema: z.ZodType<T>, input: unknown, context: z.RefinementCtx): T {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  // eslint-disable-next-line typescript/no-unsafe-type-assertion -- An issue is a raw issue that has its message already.
  for (const issue of result.error.issues) context.issues.push({ ...issue, input } as z.core.$ZodRawIssue)
  return z.NEVER
}

/** Above this many, a number counts milliseconds and not seconds. Source: pydantic. */
const SECONDS_WATERSHED = 2e10

/**
 * What Prefect's server takes for a time: ISO 8601 as Python prints it too, with a blank for the T, and in UTC where it says no
 * offset; seconds or milliseconds since 1970. Anything else is given back as it is, for the schema to refuse.
 */
function toDate(value: unknown): unknown {
  const number = typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value
  if (typeof number === 'number') return new Date(Math.abs(number) > SECONDS_WATERSHED ? number : number * 1000)
  if (typeof value !== 'string') return value
  const text = value.toUpperCase().replace(/^([\d-]+)[ _T]/, '$1T')
  const isZoned = /T.*(Z|[+-]\d\d(:?\d\d)?)$/.test(text)
  const time = parseISO(isZoned ? text : text.includes('T') ? `${text}Z` : `${text}T00:00Z`)
  return Number.isNaN(time.getTime()) ? value : time
}

/** A time that may be left out. */
export const timeSchema = z
  .preprocess(toDate, z.date('Input should be a valid datetime').nullish())
  .transform((date) => date ?? undefined)

/** The times of a poll's body. */
export const times = { scheduled_before: timeSchema, scheduled_after: timeSchema }

const MAX_LIMIT = 200

/** The part of a list that a body asks for. */
export const page = {
  limit: z
    .int()
    .nullish()
    .transform((given) => {
      const limit = given ?? MAX_LIMIT
      const problem = limit < 0 ? 'greater than or equal to 0' : limit > MAX_LIMIT ? 'less than or equal to 200' : ''
      if (problem !== '') throw new HTTPException(422, { message: `Invalid limit: must be ${problem}.` })
      return limit
    }),
  offset: withDefault(z.int().min(0), 0),
}

/** Which page of a status a body asks for, from 1. */
export const pageNumber = withDefault(z.int().min(1), 1)

/** What a body may leave out, or say null for. */
export function withDefault<T>(schema: z.ZodType<T>, fallback: T): z.ZodType<T> {
  return schema.nullish().transform((value) => value ?? fallback)
}
