import {
  createWorkQueue,
  flowRunCreateSchema,
  flowRunFilterSchema,
  flowRunStateSchema,
  readWorkQueue,
  setFlowRunState,
  workPoolCreateSchema,
  workPoolFilterSchema,
  workPoolUpdateSchema,
  workQueueCreateSchema,
  workQueueFilterSchema,
  workQueueUpdateSchema,
} from 'kysely-work-queues'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { postgres, sqliteMemory } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'

const schemas = {
  flowRunCreateSchema,
  flowRunFilterSchema,
  flowRunStateSchema,
  workPoolCreateSchema,
  workPoolFilterSchema,
  workPoolUpdateSchema,
  workQueueCreateSchema,
  workQueueFilterSchema,
  workQueueUpdateSchema,
}

/** Every time that an input has, by the schema and the path in it. */
const times: [schema: z.ZodType, path: string[], rest?: object][] = [
  [workQueueCreateSchema, ['lastPolled'], { name: 'a' }],
  [workQueueUpdateSchema, ['lastPolled']],
  [flowRunCreateSchema, ['stateTimestamp']],
  [flowRunCreateSchema, ['expectedStartTime']],
  [flowRunCreateSchema, ['nextScheduledStartTime']],
  [flowRunCreateSchema, ['startTime']],
  [flowRunCreateSchema, ['endTime']],
  [flowRunFilterSchema, ['nextScheduledStartTime', 'before']],
  [flowRunFilterSchema, ['nextScheduledStartTime', 'after']],
  [flowRunStateSchema, ['timestamp'], { type: 'PENDING' }],
  [flowRunStateSchema, ['scheduledTime'], { type: 'PENDING' }],
]

describe('the schemas at a boundary', () => {
  test.each(Object.entries(schemas))('%s can be extended, and keys of it left out', (_, schema) => {
    const keys = Object.keys(schema.shape)
    expect(keys.length).toBeGreaterThan(1)
    for (const key of keys) {
      const rest = (schema as z.ZodObject).omit({ [key]: true } as never)
      expect(Object.keys(rest.shape)).toEqual(keys.filter((other) => other !== key))
      expect(rest.safeParse({ [key]: 1 }).error?.issues).toContainEqual(
        expect.objectContaining({ code: 'unrecognized_keys', keys: [key] }),
      )
    }
    const more = (schema as z.ZodObject).partial().extend({ tenant: z.string() })
    expect(more.parse({ tenant: 'a' })).toEqual({ tenant: 'a' })
    expect(more.safeParse({}).success).toBe(false)
  })

  test.each(times)('%# a time is a `Date` or ISO 8601 text with an offset', (schema, path, rest = {}) => {
    const parse = (time: unknown): unknown => {
      const input = path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), time)
      const parsed = schema.parse({ ...rest, ...(input as object) })
      return path.reduce<any>((value, key) => value[key], parsed)
    }
    const time = new Date('2035-01-01T12:00:00.123Z')
    for (const given of [
      time,
      '2035-01-01T12:00:00.123Z',
      '2035-01-01T12:00:00.123+00:00',
      '2035-01-01T13:30:00.123+01:30',
      '2035-01-01T00:00:00.123-12:00',
      '2035-01-01T12:00:00.123999Z',
    ]) {
      expect(parse(given)).toEqual(time)
    }
    expect(parse('0001-01-01T00:00:00Z')).toEqual(new Date('0001-01-01T00:00:00Z'))
    expect(parse('9999-12-31T23:59:59.999+00:00')).toEqual(new Date('9999-12-31T23:59:59.999Z'))
    for (const bad of ['2035-01-01T12:00:00', '2035-01-01', 'now', '', 0, new Date(NaN), '9999-12-31T23:59:59-00:01']) {
      expect(() => parse(bad), String(bad)).toThrow()
    }
  })

  test('the list of times is whole', () => {
    const found = Object.values(schemas).flatMap((schema) =>
      Object.values(schema.shape).filter((property) => property.safeParse(new Date(0)).data instanceof Date),
    )
    expect(found).toHaveLength(times.filter(([, path]) => path.length === 1).length)
  })
})

describeOnDatabases(
  'functions',
  (t) => {
    test('take the text of a time where their schema takes it', async () => {
      const lastPolled = '2035-01-01T13:00:00+01:00' as unknown as Date
      const { id } = await createWorkQueue(t.db, { name: 'etl', lastPolled })
      expect((await readWorkQueue(t.db, id))?.lastPolled).toEqual(new Date('2035-01-01T12:00:00Z'))
      const run = await setFlowRunState(t.db, await t.make.run(), { type: 'PENDING', timestamp: lastPolled })
      expect(run.stateTimestamp).toEqual(new Date('2035-01-01T12:00:00Z'))
    })
  },
  [sqliteMemory, postgres],
)
