/** A JSON object. */
export type JsonObject = Record<string, unknown>

// JSON is looked through and written in time and space linear in its size, whatever its depth: when each part
// was written on a separate line, indented, 200 KB of JSON 490 levels deep took 100 MB and seconds, and 2.4
// MB could not be written at all.

/**
 * SQLite's JSON functions go no deeper than 1,000 levels, and `JSON.stringify` runs out of stack some
 * thousands later.
 */
const MAX_LEVELS = 500

/**
 * The largest {@link weightOf} JSON. PostgreSQL takes none whose parts have 2^28 bytes, and V8 no text of
 * 2^29 characters, which text of 2^28 bytes may come to when each character is escaped.
 */
const MAX_WEIGHT = 255 * 2 ** 20

/** How many problems of one value are named. */
const MAX_PROBLEMS = 100

/** What is wrong with a part of a JSON value. */
export interface JsonProblem {
  /** The keys and indexes that lead to the part. */
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** An object or array, and how far it was looked through. */
interface Level {
  readonly value: Readonly<Record<string | number, unknown>>
  /** An array has none. */
  readonly keys: readonly string[] | undefined
  readonly length: number
  next: number
}

/**
 * What keeps a value from being a JSON object that both databases store: at most a hundred problems, each
 * with its place, and how many there are more. A value that is nested too deep, as is every circle, or too
 * large is one problem.
 */
export function findJsonProblems(value: unknown): { problems: JsonProblem[]; more: number } {
  if (!isPlainObject(value)) return only('must be a JSON object')
  const problems: JsonProblem[] = []
  let more = 0
  let weight = 0
  const levels = [toLevel(value)]
  const add = (message: string | undefined): void => {
    if (message === undefined) return
    if (problems.length < MAX_PROBLEMS) problems.push({ path: pathOf(levels), message })
    else more++
  }
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    if (level.next === level.length) {
      levels.pop()
      continue
    }
    const key = level.keys?.[level.next]
    const part = level.value[key ?? level.next]
    level.next++
    weight += weightOf(part) + (key === undefined ? 0 : weightOf(key))
    if (weight > MAX_WEIGHT) return only(`must not be larger than ${MAX_WEIGHT / 2 ** 20} MiB`)
    if (key !== undefined) add(textProblem(key, 'must not have a key that contains'))
    if (Array.isArray(part) || isPlainObject(part)) {
      if (levels.length === MAX_LEVELS) return only(`must not be nested deeper than ${MAX_LEVELS} levels`)
      levels.push(toLevel(part))
    } else {
      add(partProblem(part))
    }
  }
  return { problems, more }
}

function only(message: string): { problems: JsonProblem[]; more: number } {
  return { problems: [{ path: [], message }], more: 0 }
}

function toLevel(value: object): Level {
  const keys = Array.isArray(value) ? undefined : Object.keys(value)
  const { length } = keys ?? (value as unknown[])
  return { value: value as Level['value'], keys, length, next: 0 }
}

/** Where the part is that was looked at last. */
function pathOf(levels: readonly Level[]): (string | number)[] {
  return levels.map(({ keys, next }) => keys?.[next - 1] ?? next - 1)
}

/** No less than the bytes that PostgreSQL's `jsonb` needs for a part, without what is in it. */
function weightOf(part: unknown): number {
  if (typeof part === 'string') return 8 + 3 * part.length
  if (typeof part !== 'number') return 12
  return Number.isInteger(part) && Math.abs(part) < 1e8 ? 16 : 28
}

/** Whether a value is an object that is of no class, from whatever realm. */
export function isPlainObject(value: unknown): value is JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/**
 * A copy of JSON in which no problems were found. Unlike assignments, `fromEntries` keeps a key such as
 * `__proto__`.
 */
export function copyOfJson(value: JsonObject): JsonObject {
  return copyOfPart(value) as JsonObject
}

function copyOfPart(part: unknown): unknown {
  if (typeof part !== 'object' || part === null) return part
  if (Array.isArray(part)) return Array.from(part, copyOfPart)
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, copyOfPart(value)]))
}

function partProblem(part: unknown): string | undefined {
  switch (typeof part) {
    case 'string':
      return textProblem(part, 'must not contain')
    case 'number':
      return Number.isFinite(part) ? undefined : `must be JSON, not ${part}`
    case 'boolean':
      return undefined
    case 'undefined':
      return 'must be JSON, not undefined'
    case 'object':
      return part === null ? undefined : `must be JSON, not an instance of ${className(part)}`
    case 'bigint':
    case 'function':
    case 'symbol':
      return `must be JSON, not a ${typeof part}`
  }
}

function className(value: object): string {
  const { name } = (value.constructor as { name?: unknown } | undefined) ?? {}
  return typeof name === 'string' && name !== '' ? name : 'a class'
}

/** What PostgreSQL would not store. */
function textProblem(text: string, message: string): string | undefined {
  if (text.includes('\0')) return `${message} NUL characters`
  return text.isWellFormed() ? undefined : `${message} lone surrogates`
}

/** A value as Python's `json.dumps` spells it: with a blank after each comma and colon, in ASCII. */
export function toPythonJson(value: unknown): string {
  const json = JSON.stringify(value)
  const parts: string[] = []
  let from = 0
  for (let quote = json.indexOf('"'); quote !== -1; quote = json.indexOf('"', from)) {
    const end = endOfText(json, quote)
    parts.push(spaced(json.slice(from, quote)), json.slice(quote, end))
    from = end
  }
  parts.push(spaced(json.slice(from)))
  return parts.join('').replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** JSON between two texts, where commas and colons are only ever JSON's own. */
function spaced(json: string): string {
  return json.replace(/[,:]/g, '$& ')
}

/** Where the text that begins with this quote is over. */
function endOfText(json: string, quote: number): number {
  let end = json.indexOf('"', quote + 1)
  while (isEscaped(json, end)) end = json.indexOf('"', end + 1)
  return end + 1
}

/** Whether an odd number of backslashes stands before the character. */
function isEscaped(json: string, at: number): boolean {
  let first = at
  while (json[first - 1] === '\\') first--
  return (at - first) % 2 === 1
}
