import * as z from 'zod'
import { type InputIssue, InvalidInputError } from '../errors.js'
import { copyOfJson, findJsonProblems, type JsonObject } from './json.js'
import { isValidDate, momentOf } from './moments.js'

/** The largest integer that PostgreSQL's `integer` holds. */
export const MAX_INTEGER: number = 2 ** 31 - 1

// What zod costs: importing the root takes 93 ms of processor time beyond Kysely (Node 20, median of 15
// processes), of which zod's own import is 60, since each of its entry points loads all its languages
// (`zod/mini` 59, `zod/v4/core` 54), uuid 11 and date-fns 7. Making the schemas takes 1: made at first use
// they would gain nothing. As one file with its host, by a bundler, all of it takes 26 with Kysely, and 53 by
// `import { z }`, which esbuild takes whole. (Zod inside `dist`: 64, all three 33; but then the schemas that
// hosts extend would be of a zod that they cannot update.)

// The building blocks of the input schemas. What a database would refuse is refused here, so that both give
// the same answer and a caller's transaction is never lost to it: PostgreSQL has no NUL in text and no lone
// surrogates, Prefect's times end in year 9999.

/** Text that both databases store as it is. */
export const textSchema: z.ZodType<string, string> = z
  .string()
  .refine((value) => !value.includes('\0'), 'must not contain NUL characters')
  .refine((value) => value.isWellFormed(), 'must not contain lone surrogates')

/**
 * PostgreSQL's B-trees hold no entry above 2,704 bytes, and some hold an id besides. SQLite's would take any.
 */
const MAX_INDEXED_BYTES = 2000

/** Text that an index holds, ours or one of Prefect's own tables. */
export const indexedTextSchema: z.ZodType<string, string> = textSchema.refine(
  (value) => isWithinBytes(value, MAX_INDEXED_BYTES),
  `must have at most ${MAX_INDEXED_BYTES} bytes in UTF-8`,
)

/** The same, and there must be something to see. */
export const labelSchema: z.ZodType<string, string> = indexedTextSchema.refine(
  (value) => value.trim() !== '',
  'must not be blank',
)

/** The name of a queue or worker. Source: `Name` of Prefect's `types.names`; also refuses blank names. */
export const nameSchema: z.ZodType<string, string> = labelSchema.refine(
  (value) => !/[/%&><]/.test(value),
  'must not contain / % & > <',
)

/**
 * The name of a new pool. Source: `NonEmptyishName` of Prefect's `types.names`; a row with another name fails
 * every list of pools in Prefect.
 */
export const poolNameSchema: z.ZodType<string, string> = nameSchema.refine(
  (value) => value.trim() === '' || /[^\s'"]/.test(value),
  'must not be blank but for quotes',
)

/** An id: a UUID of any version, taken in either case and lower-cased. */
export const idSchema: z.ZodType<string, string> = z.guid('must be a UUID').toLowerCase()

/** An integer from 0 that both databases store. */
export const countSchema: z.ZodType<number, number> = z.int().min(0).max(MAX_INTEGER)

/** A priority: an integer from 1. */
export const prioritySchema: z.ZodType<number, number> = z.int().min(1).max(MAX_INTEGER)

/** A valid time between the years 1 and 9999. It is copied: a host may go on with its own. */
export const timeSchema: z.ZodType<Date, Date> = z
  .custom<Date>(isValidDate, { message: 'must be a valid Date', abort: true })
  .transform((value) => new Date(momentOf(value) ?? Number.NaN))
  .refine(
    (value) => value.getUTCFullYear() >= 1 && value.getUTCFullYear() <= 9999,
    'must be between the years 1 and 9999',
  )

const isoTime = z.iso.datetime({ offset: true })

/**
 * A time of an input: a {@link timeSchema}, or ISO 8601 text with an offset, as HTTP bodies have it. What is
 * below milliseconds is cut off.
 */
export const inputTimeSchema: z.ZodType<Date, Date | string> = z
  .custom<Date | string>((value) => isValidDate(value) || isoTime.safeParse(value).success, {
    message: 'must be a valid Date, or ISO 8601 text with an offset',
    abort: true,
  })
  .transform((value) => new Date(momentOf(value) ?? value))
  .pipe(timeSchema)

/** A JSON object. It is copied, with all its keys, so that what is stored is what was given and checked. */
export const jsonObjectSchema: z.ZodType<JsonObject, JsonObject> = z
  .custom<JsonObject>()
  .superRefine((value, context) => {
    const { problems, more } = findJsonProblems(value)
    for (const { path, message } of problems)
      context.addIssue({ code: 'custom', path: [...path], message, continue: false })
    if (more > 0) context.addIssue({ code: 'custom', message: `and ${more} more`, params: { more }, continue: false })
  })
  .transform(copyOfJson)

/**
 * A JSON object that Prefect reads as an object of a class: on a member of another kind it would fail, until
 * somebody repairs the row.
 *
 * @param members - What may be under which key.
 * @param others - What may be under any other key. Without it, no other key may be.
 */
export function jsonObjectOf(
  members: Record<string, z.ZodType>,
  others?: z.ZodType,
): z.ZodType<JsonObject, JsonObject> {
  return jsonObjectSchema.superRefine((object, context) => {
    for (const [key, value] of Object.entries(object)) {
      const schema = Object.hasOwn(members, key) ? members[key] : others
      if (schema === undefined) context.addIssue({ code: 'custom', path: [key], message: 'is not a known key' })
      for (const { path, message } of schema?.safeParse(value).error?.issues ?? []) {
        context.addIssue({ code: 'custom', path: [key, ...path], message })
      }
    }
  })
}

/** What every function takes that needs the time. */
export interface NowOption {
  /**
   * What time it is. Default: the clock of the database on PostgreSQL, so that servers whose clocks differ
   * agree, and of the process on SQLite, read when the function holds its locks. Give it in tests only.
   */
  now?: Date | undefined
}

/** The shape of {@link NowOption}, to be spread into a schema of options. */
export const nowShape: { now: z.ZodOptional<z.ZodType<Date, Date>> } = { now: timeSchema.optional() }

/** Options that are nothing but {@link NowOption}. */
export const nowOptionSchema: z.ZodType<NowOption, NowOption> = z.strictObject(nowShape)

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
export const anyId: z.ZodOptional<z.ZodType<AnyOf<string>, AnyOf<string>>> = z
  .strictObject({ any: z.array(idSchema).optional() })
  .optional()
export const anyText: z.ZodOptional<z.ZodType<AnyOf<string>, AnyOf<string>>> = z
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
 * The schema of an input: an object of zod's, so that a host can `omit` from it and `extend` it. Where the
 * input has a time, it takes ISO 8601 text with an offset too.
 */
export type InputSchema<T> = z.ZodObject<{ [K in keyof T]-?: PropertySchema<T, K> }, z.core.$strict>

type PropertySchema<T, K extends keyof T> =
  object extends Pick<T, K>
    ? z.ZodOptional<z.ZodType<Exclude<T[K], undefined>, Given<Exclude<T[K], undefined>>>>
    : z.ZodType<T[K], Given<T[K]>>

/** What stands for a value, or for a part of it, in an input. */
type Given<T> = T extends Date
  ? Date | string
  : T extends (infer E)[]
    ? Given<E>[]
    : T extends object
      ? { [K in keyof T]: Given<T[K]> }
      : T

/**
 * Checks an input before anything is asked of the database.
 *
 * @param at - What the path of an issue begins with: the argument's name, or nothing for the main input.
 * @throws {InvalidInputError} with every problem that was found.
 */
export function check<T>(schema: z.ZodType<T>, value: unknown, at = ''): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issues: InputIssue[] = []
  let more = 0
  for (const issue of result.error.issues) {
    const counted = issue.code === 'custom' ? Number(issue.params?.['more'] ?? 0) : 0
    more += counted
    if (counted === 0) for (const found of toInputIssues(issue, at)) issues.push(found)
  }
  throw new InvalidInputError(issues, more)
}

function toInputIssues(issue: z.core.$ZodIssue, at: string): InputIssue[] {
  const path = [...(at === '' ? [] : [at]), ...issue.path.map(String)]
  if (issue.code !== 'unrecognized_keys') return [{ path: path.join('.'), message: issue.message }]
  return issue.keys.map((key) => ({ path: [...path, key].join('.'), message: 'is not a known key' }))
}

/** Whether text has at most so many bytes in UTF-8. Text that is long by any count is not looked through. */
function isWithinBytes(text: string, bytes: number): boolean {
  if (text.length > bytes) return false
  let rest = bytes
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    rest -= code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_00_00 ? 3 : 4
  }
  return rest >= 0
}
