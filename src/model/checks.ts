import { z } from 'zod'
import { type InputIssue, InvalidInputError } from '../errors.js'
import type { JsonObject } from './values.js'

/** The largest integer that PostgreSQL's `integer` holds. */
export const MAX_INTEGER: number = 2 ** 31 - 1

// The building blocks of the input schemas. What a database would refuse is refused here, so that both give the same answer
// and a caller's transaction is never lost to it: PostgreSQL has no NUL in text and no lone surrogates, Prefect's times end in
// year 9999.

/** Text that both databases store as it is. */
export const textSchema: z.ZodType<string, string> = z
  .string()
  .refine((value) => !value.includes('\0'), 'must not contain NUL characters')
  .refine((value) => value.isWellFormed(), 'must not contain lone surrogates')

/** The name of a pool, queue, worker or run. Source: `Name` of Prefect's `types.names`; also refuses blank names. */
export const nameSchema: z.ZodType<string, string> = textSchema.superRefine((value, context) => {
  if (value.trim() === '') context.addIssue({ code: 'custom', message: 'must not be blank' })
  if (/[/%&><]/.test(value)) context.addIssue({ code: 'custom', message: 'must not contain / % & > <' })
})

/** An id: a UUID of any version, taken in either case and lower-cased. */
export const idSchema: z.ZodType<string, string> = z.guid('must be a UUID').toLowerCase()

/** An integer from 0 that both databases store. */
export const countSchema: z.ZodType<number, number> = z.int().min(0).max(MAX_INTEGER)

/** A priority: an integer from 1. */
export const prioritySchema: z.ZodType<number, number> = z.int().min(1).max(MAX_INTEGER)

/** A valid time between the years 1 and 9999. */
export const timeSchema: z.ZodType<Date, Date> = z
  .date()
  .refine(
    (value) => value.getUTCFullYear() >= 1 && value.getUTCFullYear() <= 9999,
    'must be between the years 1 and 9999',
  )

// In JSON text, NUL is always escaped, and so are surrogates exactly when they are lone.
const ESCAPED_NUL_OR_SURROGATE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/

const jsonObject = z.record(z.string(), z.json())

/** SQLite's JSON functions go no deeper than 1,000 levels, and what recurses into a value would run out of stack soon after. */
const MAX_LEVELS = 500

/** A JSON object. It is taken as it is, not copied: a copy would lose a key such as `__proto__`. */
export const jsonObjectSchema: z.ZodType<JsonObject, JsonObject> = z
  .custom<JsonObject>((value) => isNestedWithin(MAX_LEVELS, value), {
    message: `must not be nested deeper than ${MAX_LEVELS} levels`,
    abort: true,
  })
  .refine((value) => jsonObject.safeParse(value).success, { message: 'must be a JSON object', abort: true })
  .refine(
    (value) => !ESCAPED_NUL_OR_SURROGATE.test(JSON.stringify(value)),
    'must not contain NUL characters or lone surrogates',
  )

/** What every function takes that asks the time. */
export interface NowOption {
  /** What time it is. Default: the clock. */
  now?: Date | undefined
}

/** The shape of {@link NowOption}, to be spread into a schema of options. */
export const nowShape: { now: z.ZodPrefault<z.ZodType<Date, Date>> } = { now: timeSchema.prefault(() => new Date()) }

/**
 * The same, for functions that take locks first: without `now` they read the clock when they hold them, so that the states of a
 * run are in the order in which it entered them.
 */
export const lateNowShape: { now: z.ZodOptional<z.ZodType<Date, Date>> } = { now: timeSchema.optional() }

/** Options that are nothing but {@link NowOption}. */
export const nowOptionSchema: z.ZodType<{ now: Date }, NowOption> = z.strictObject(nowShape)

/** A function of the host. */
export function callbackSchema<F>(): z.ZodType<F, F> {
  return z.custom<F>((value) => typeof value === 'function', 'must be a function')
}

/** One of a list of values. An empty list matches nothing. */
export interface AnyOf<T> {
  any?: T[] | undefined
}

// The parts of a filter's schema.
export const filterOperator: z.ZodOptional<z.ZodEnum<{ and: 'and'; or: 'or' }>> = z.enum(['and', 'or']).optional()
export const anyId: z.ZodType<AnyOf<string> | undefined> = z
  .strictObject({ any: z.array(idSchema).optional() })
  .optional()
export const anyText: z.ZodType<AnyOf<string> | undefined> = z
  .strictObject({ any: z.array(textSchema).optional() })
  .optional()

/** The part of a list to read. */
export interface PageOptions {
  /** How many at most. Default: all. */
  limit?: number | undefined
  /** How many to skip. Default: 0. */
  offset?: number | undefined
}

/** The shape of {@link PageOptions}, to be spread into a schema of options. */
export const pageShape: {
  limit: z.ZodOptional<z.ZodType<number, number>>
  offset: z.ZodOptional<z.ZodType<number, number>>
} = { limit: countSchema.optional(), offset: countSchema.optional() }

/**
 * Checks an input before anything is asked of the database.
 *
 * @param at - What the path of an issue begins with: the argument's name, or nothing for the main input.
 * @throws {InvalidInputError} with every problem that was found.
 */
export function check<T>(schema: z.ZodType<T>, value: unknown, at = ''): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new InvalidInputError(result.error.issues.flatMap((issue) => toInputIssues(issue, at)))
}

function toInputIssues(issue: z.core.$ZodIssue, at: string): InputIssue[] {
  const path = [...(at === '' ? [] : [at]), ...issue.path.map(String)]
  if (issue.code !== 'unrecognized_keys') return [{ path: path.join('.'), message: issue.message }]
  return issue.keys.map((key) => ({ path: [...path, key].join('.'), message: 'is not a known key' }))
}

/** Whether objects and arrays are in each other no deeper than so many levels. The first that is too deep ends the search. */
function isNestedWithin(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every((part) => isNestedWithin(levels - 1, part))
}
