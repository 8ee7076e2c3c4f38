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

/** Values that are not valid, by what they are not. */
export const not = {
  name: ['', ' ', '\t\n ', 'a/b', '/', 'a%b', 'a&b', 'a>b', '<a', ...text, ...notText],
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
  time: [new Date(NaN), '2035-01-01T12:00:00Z', 0, new Date(8.64e15), new Date(-8.64e15), {}, []],
  flag: [0, 1, 'true', {}, []],
  object: [7, 'x', true, []],
  list: ['x', 7, true, {}],
  callback: [7, 'x', {}, []],
  json: [
    [],
    'x',
    7,
    true,
    { a: 1n },
    { a: NaN },
    { a: () => 1 },
    { a: new Date(0) },
    { a: 'a\0b' },
    { '\ud800': 1 },
    { a: [{ b: '\udc00' }] },
  ],
  stateType: ['scheduled', 'LATE', '', ...notText],
  known: [1, null, undefined],
} as const

/** The same with `null`, where that does not clear. */
export const orNull = (values: readonly unknown[]): unknown[] => [...values, null]

/** The same with `undefined`, where a value is needed. */
export const orAbsent = (values: readonly unknown[]): unknown[] => [...values, null, undefined]
