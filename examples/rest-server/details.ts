// What is wrong with a body, in the words of pydantic, which Prefect's clients and pages show.

import type { InputIssue } from 'kysely-work-queues'
import type { z } from 'zod'
import { isObject, toSnakeCase } from './keys.js'

/** One thing that is wrong, and where. */
export interface Detail {
  readonly type: string
  readonly loc: readonly (string | number)[]
  readonly msg: string
  readonly input: unknown
}

/** A body that is refused. */
export class BadRequestBody extends Error {
  override readonly name = 'BadRequestBody'
  readonly details: readonly Detail[]
  readonly body: unknown

  constructor(details: readonly Detail[], body: unknown) {
    super('Invalid request received.')
    this.details = details
    this.body = body
  }
}

type Path = readonly PropertyKey[]

/** What a schema says about a body. */
export function toDetail(issue: z.core.$ZodIssue, body: unknown): Detail[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => detail('extra_forbidden', EXTRA, [...issue.path, key.replace(/\?$/, '')], body))
  }
  if (issue.code === 'invalid_type' && valueAt(body, locate(issue.path, body)) === undefined) {
    return [detail('missing', 'Field required', issue.path, body)]
  }
  if (issue.code === 'invalid_value') {
    const values = issue.values.map((value) => `'${String(value)}'`)
    const list = [values.slice(0, -1).join(', '), ...values.slice(-1)].filter((part) => part !== '').join(' or ')
    return [detail('enum', `Input should be ${list}`, issue.path, body)]
  }
  if (issue.code === 'invalid_type' && issue.expected === 'boolean') {
    const isText = typeof valueAt(body, locate(issue.path, body)) === 'string'
    const msg = `Input should be a valid boolean${isText ? ', unable to interpret input' : ''}`
    return [detail(isText ? 'bool_parsing' : 'bool_type', msg, issue.path, body)]
  }
  if (issue.code === 'invalid_type') {
    const [type, what] = TYPES[issue.expected] ?? ['value_error', issue.expected]
    return [detail(type, `Input should be a valid ${what}`, issue.path, body)]
  }
  if (issue.code === 'too_small' || issue.code === 'too_big') {
    const isSmall = issue.code === 'too_small'
    // Of a priority, Prefect says what it is above.
    if (isSmall && issue.path.at(-1) === 'priority') {
      return [detail('greater_than', 'Input should be greater than 0', issue.path, body)]
    }
    const bound = String(isSmall ? issue.minimum : issue.maximum)
    const msg = `Input should be ${isSmall ? 'greater' : 'less'} than or equal to ${bound}`
    return [detail(isSmall ? 'greater_than_equal' : 'less_than_equal', msg, issue.path, body)]
  }
  return [ofMessage(issue.message, issue.path, body)]
}

/** What the library says about a body that its routes gave it. */
export function ofInput({ path, message }: InputIssue, body: unknown): Detail {
  return ofMessage(message, path.split('.'), body)
}

const EXTRA = 'Extra inputs are not permitted'

/** Types by the name that the schemas have for them. */
const TYPES: Record<string, readonly [string, string]> = {
  string: ['string_type', 'string'],
  int: ['int_type', 'integer'],
  number: ['int_type', 'integer'],
  array: ['list_type', 'list'],
  object: ['dict_type', 'dictionary'],
  record: ['dict_type', 'dictionary'],
  date: ['value_error', 'datetime'],
}

/** What the library says, as pydantic says it. */
const MESSAGES: Record<string, readonly [string, string]> = {
  'is not a known key': ['extra_forbidden', EXTRA],
  'must not contain / % & > <': ['string_pattern_mismatch', "String should match pattern '^[^/%&><]+$'"],
  'must not be blank': ['value_error', 'Value error, name cannot be an empty string'],
  'must not be blank but for quotes': ['value_error', 'Value error, name cannot be an empty string'],
  'must be a UUID': ['uuid_parsing', 'Input should be a valid UUID'],
}

function ofMessage(message: string, path: Path, body: unknown): Detail {
  const [type, msg] = MESSAGES[message] ?? ['value_error', `Value error, ${message}`]
  return detail(type, msg, path, body)
}

function detail(type: string, msg: string, path: Path, body: unknown): Detail {
  const loc = locate(path, body)
  const at = type === 'missing' ? loc.slice(0, -1) : loc
  return { type, loc: ['body', ...loc], msg, input: valueAt(body, at) ?? null }
}

/** A path in the library's names as one in the body, step by step: keys of JSON columns are the caller's own. */
function locate(path: Path, body: unknown): (string | number)[] {
  let at = body
  return path.map((part) => {
    if (typeof part === 'number' || (Array.isArray(at) && /^\d+$/.test(String(part)))) {
      at = Array.isArray(at) ? at[Number(part)] : undefined
      return Number(part)
    }
    const name = String(part)
    const spellings = [name, toSnakeCase(name), `${name.toLowerCase()}_`]
    const key = spellings.find((spelling) => isObject(at) && Object.hasOwn(at, spelling)) ?? toSnakeCase(name)
    at = isObject(at) ? at[key] : undefined
    return key
  })
}

function valueAt(body: unknown, loc: readonly (string | number)[]): unknown {
  let at = body
  for (const part of loc) {
    if (Array.isArray(at)) at = at[Number(part)]
    else if (isObject(at) && Object.hasOwn(at, part)) at = at[part]
    else return undefined
  }
  return at
}
