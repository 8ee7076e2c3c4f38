import type { Kysely } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { testId } from '../../../support/factory.js'

/** Rows that exist. */
export interface Ids {
  readonly pool: string
  readonly queue: string
  readonly run: string
}

/** A call with a value of any kind in it, which `never` stands for. */
export type Call = (db: Kysely<WorkQueueTables>, value: never, ids: Ids) => Promise<unknown>

/** What each function must refuse: by the path that is to be named, the values, and the call with such a value. */
export type Refusals = Record<string, Record<string, readonly [values: readonly unknown[], call: Call]>>

const text = ['a\0b', '\ud800', 'a\udc00b']
const notText = [7, true, {}, [], new Date(0), 1n]
const tooLong = ['x'.repeat(2001), 'é'.repeat(1001), '😀'.repeat(501), 'x'.repeat(1_000_000)]
const noTime = [new Date(NaN), 0, new Date(8.64e15), new Date(-8.64e15), {}, []]

const circle: Record<string, unknown> = {}
circle['again'] = [circle, circle]

const notJson = [
  [],
  'x',
  7,
  true,
  new Date(0),
  new Map(),
  circle,
  { a: 1n },
  { a: NaN },
  { a: -Infinity },
  { a: undefined },
  { a: [undefined] },
  { a: Array.from({ length: 1 }) },
  { a: () => 1 },
  { a: Symbol('a') },
  { a: new Date(0) },
  { a: new Set() },
  { a: { toJSON: () => 1 } },
  { a: 'a\0b' },
  { '\ud800': 1 },
  { a: [{ b: '\udc00' }] },
  { a: JSON.parse('['.repeat(500) + ']'.repeat(500)) as unknown },
]

/** Values that are not valid members of an object of Prefect's, by their key. */
const withMembers = (members: Record<string, readonly unknown[]>): object[] =>
  Object.entries(members).flatMap(([key, values]) => values.map((value) => ({ [key]: value })))

const notName = ['', ' ', '\t\n ', 'a/b', '/', 'a%b', 'a&b', 'a>b', '<a', ...text, ...notText, ...tooLong]

/** Values that are not valid, by what they are not. */
export const not = {
  name: notName,
  poolName: [...notName, "''", '""', `' "'`, `"\t'`],
  label: ['', ' ', '\n\u00a0', ...text, ...notText, ...tooLong],
  indexed: [...text, ...notText, ...tooLong],
  text: [...text, ...notText],
  id: [
    '',
    'x',
    '123',
    testId(1).slice(1),
    `${testId(1)}0`,
    `{${testId(1)}}`,
    testId(1).replaceAll('-', ''),
    ` ${testId(1)}`,
    testId(1).replace('0', 'g'),
    ...notText,
  ],
  priority: [0, -1, 1.5, 2 ** 31, 2 ** 53, NaN, Infinity, '1', 1n, true, {}, []],
  count: [-1, 0.5, 2 ** 31, -(2 ** 31) - 1, NaN, Infinity, '1', 1n, true, {}, []],
  time: ['2035-01-01T12:00:00Z', ...noTime],
  /** Of an input, which takes text too. */
  inputTime: [
    '',
    'now',
    '2051222400',
    '2035-01-01',
    '2035-01-01T12:00:00',
    '2035-01-01 12:00:00Z',
    '2035-02-30T12:00:00Z',
    '2035-01-01T25:00:00Z',
    '2035-01-01T12:00:00+25:00',
    '2035-01-01T12:00:00Z\0',
    '0000-12-31T23:59:59Z',
    '0001-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
    '+010000-01-01T00:00:00Z',
    ...noTime,
  ],
  flag: [0, 1, 'true', {}, []],
  object: [7, 'x', true, []],
  list: ['x', 7, true, {}],
  callback: [7, 'x', {}, []],
  json: notJson,
  labels: [...notJson, ...withMembers({ a: [null, {}, [], { b: 1 }, ['b']] })],
  storageConfiguration: [
    ...notJson,
    ...withMembers({
      bundle_upload_step: ['x', 7, true, []],
      bundle_execution_step: ['x', 7, true, []],
      default_result_storage_block_id: ['', 'x', 7, true, {}, []],
      more: [null, {}],
      bundleUploadStep: [{}],
    }),
    JSON.parse('{"__proto__": {}}') as object,
  ],
  empiricalPolicy: [
    ...notJson,
    ...withMembers({
      max_retries: [null, 'x', 1.5, true, {}, []],
      retry_delay_seconds: [null, 'x', 1.5, true, {}, []],
      retries: ['x', 1.5, 1e21, true, {}, []],
      retry_delay: ['x', 1.5, 1e21, true, {}, []],
      pause_keys: ['x', 7, {}, [1], ['a', null]],
      resuming: ['maybe', 7, {}, []],
      retry_type: ['', 'x', 'IN_PROCESS', 7, {}, []],
    }),
    { retry_delay_seconds: 0.5, retry_delay: 0 },
    { retry_delay_seconds: 0.5, retry_delay: null },
  ],
  stateType: ['scheduled', 'LATE', '', ...notText],
  known: [1, null, undefined],
} as const

/** The same with `null`, where that does not clear. */
export const orNull = (values: readonly unknown[]): unknown[] => [...values, null]

/** The same with `undefined`, where a value is needed. */
export const orAbsent = (values: readonly unknown[]): unknown[] => [...values, null, undefined]
