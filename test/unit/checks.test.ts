import fc from 'fast-check'
import {
  flowRunCreateSchema,
  flowRunStateSchema,
  workPoolCreateSchema,
  workPoolUpdateSchema,
  workQueueCreateSchema,
  workQueueUpdateSchema,
} from 'kysely-work-queues'
import { describe, expect, test } from 'vitest'

const isTaken = (schema: { safeParse(value: unknown): { success: boolean } }, value: unknown): boolean =>
  schema.safeParse(value).success

describe('the checks of inputs', () => {
  test('count the bytes of UTF-8 as Node does', () => {
    const near = fc
      .record({ unit: fc.constantFrom('a', 'é', '漢', '😀'), bytes: fc.integer({ min: 1990, max: 2010 }) })
      .map(({ unit, bytes }) => unit.repeat(Math.ceil(bytes / Buffer.byteLength(unit))))
    const any = fc.string({ unit: 'binary', maxLength: 2500, size: 'max' })
    fc.assert(
      fc.property(fc.oneof(near, any), fc.string({ unit: 'binary' }), (head, tail) => {
        const text = `${head}${tail}`.toWellFormed().replaceAll('\0', '')
        expect(isTaken(flowRunCreateSchema.shape.name, text)).toBe(Buffer.byteLength(text) <= 2000)
      }),
    )
  })

  test('take a name of a pool exactly where Prefect does, but for blanks of other kinds', () => {
    const characters = fc.string({ unit: fc.constantFrom("'", '"', ' ', '/', '%', '&', '<', '>', 'a', '-', '.') })
    fc.assert(
      fc.property(characters, (name) => {
        const isPrefects = /^[^/%&><]+$/.test(name) && /[^'" ]/.test(name)
        expect(isTaken(workPoolCreateSchema, { name })).toBe(isPrefects)
      }),
    )
    for (const name of ['\t', '\n', `"\t'`, '\u00a0', `'\u2003'`]) {
      expect(isTaken(workPoolCreateSchema, { name })).toBe(false)
    }
  })

  test('take no integer from 2^31, wherever there is one', () => {
    const schemas = [
      workQueueCreateSchema,
      workQueueUpdateSchema,
      workPoolCreateSchema,
      workPoolUpdateSchema,
      flowRunCreateSchema,
      flowRunStateSchema,
    ]
    const integers = schemas.flatMap(({ shape }) => Object.entries(shape).filter(([, schema]) => isTaken(schema, 7)))
    expect(integers.map(([key]) => key)).toEqual([
      'concurrencyLimit',
      'priority',
      'concurrencyLimit',
      'priority',
      'concurrencyLimit',
      'concurrencyLimit',
      'runCount',
    ])
    for (const [key, schema] of integers) {
      expect(isTaken(schema, 2 ** 31 - 1), key).toBe(true)
      for (const value of [2 ** 31, 2 ** 53, -1, 0.5]) expect(isTaken(schema, value), `${key} ${value}`).toBe(false)
    }
  })

  test('take null where there may be nothing, in an update as in a create', () => {
    const takingNull = (schema: { shape: object }): string[] =>
      Object.entries(schema.shape).flatMap(([key, property]) => (isTaken(property, null) ? [key] : []))
    const ofQueues = ['description', 'concurrencyLimit', 'filter', 'lastPolled']
    // `null` for a priority or a pool is the default, which only a new queue has.
    expect(takingNull(workQueueCreateSchema).toSorted()).toEqual([...ofQueues, 'priority', 'workPoolId'].toSorted())
    expect(takingNull(workQueueUpdateSchema).toSorted()).toEqual(ofQueues.toSorted())
    expect(takingNull(workPoolCreateSchema)).toEqual(['description', 'concurrencyLimit'])
    expect(takingNull(workPoolUpdateSchema)).toEqual(['description', 'concurrencyLimit'])
  })
})
