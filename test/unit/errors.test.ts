import { InvalidInputError, isRetryable, WorkPoolExistsError } from 'kysely-work-queues'
import { describe, expect, test } from 'vitest'

const error = (properties: object): Error => Object.assign(new Error('database is locked'), properties)

describe('isRetryable', () => {
  test.each<[driver: string, properties: object]>([
    ['pg', { code: '40001' }],
    ['pg', { code: '40P01' }],
    ['pg, two updaters in one moment', { code: 'XX000', routine: 'MultiXactIdCreateFromMembers' }],
    ['better-sqlite3', { code: 'SQLITE_BUSY' }],
    ['better-sqlite3', { code: 'SQLITE_BUSY_SNAPSHOT' }],
    ['better-sqlite3', { code: 'SQLITE_BUSY_RECOVERY' }],
    ['better-sqlite3', { code: 'SQLITE_BUSY_TIMEOUT' }],
    ['better-sqlite3', { code: 'SQLITE_LOCKED' }],
    ['better-sqlite3', { code: 'SQLITE_LOCKED_SHAREDCACHE' }],
    ['libsql', { code: 'SQLITE_BUSY', rawCode: 5 }],
    ['node:sqlite', { code: 'ERR_SQLITE_ERROR', errcode: 5 }],
    ['node:sqlite, snapshot', { code: 'ERR_SQLITE_ERROR', errcode: 517 }],
    ['node:sqlite, locked', { code: 'ERR_SQLITE_ERROR', errcode: 6 }],
    ['node:sqlite, shared cache', { code: 'ERR_SQLITE_ERROR', errcode: 262 }],
  ])('knows a conflict of %s: %j', (_, properties) => {
    expect(isRetryable(error(properties))).toBe(true)
  })

  test('knows several conflicts together, if they are nothing else', () => {
    const conflicts = [error({ code: '40001' }), error({ code: 'SQLITE_BUSY' })]
    expect(isRetryable(new AggregateError(conflicts))).toBe(true)
    expect(isRetryable(new AggregateError([...conflicts, error({ code: '23505' })]))).toBe(false)
    expect(isRetryable(new AggregateError([]))).toBe(false)
  })

  test.each<[string, unknown]>([
    ['unique violation', error({ code: '23505' })],
    ['aborted transaction', error({ code: '25P02' })],
    ['internal error', error({ code: 'XX000', routine: 'heap_update' })],
    ['error of that routine', error({ code: '53400', routine: 'MultiXactIdCreateFromMembers' })],
    ['cancelled statement', error({ code: '57014' })],
    ['lost connection', error({ code: 'ECONNRESET' })],
    ['code that only contains one', error({ code: 'x40001' })],
    ['code as a number', error({ code: 40_001 })],
    ['constraint of SQLite', error({ code: 'SQLITE_CONSTRAINT_UNIQUE' })],
    ['SQLITE_BUSYBODY', error({ code: 'SQLITE_BUSYBODY' })],
    ['full disk of node:sqlite', error({ code: 'ERR_SQLITE_ERROR', errcode: 13 })],
    ['constraint of node:sqlite', error({ code: 'ERR_SQLITE_ERROR', errcode: 2067 })],
    ['errcode of something else', error({ code: 'ERR_OTHER', errcode: 5 })],
    ['typed error', new WorkPoolExistsError('a')],
    ['invalid input', new InvalidInputError([])],
    ['error without a code', new Error('40001')],
    ['text', '40001'],
    ['null', null],
    ['undefined', undefined],
  ])('knows nothing of a %s', (_, other) => {
    expect(isRetryable(other)).toBe(false)
  })
})

describe('InvalidInputError', () => {
  const issues = (count: number, path = 'a'): { path: string; message: string }[] =>
    Array.from({ length: count }, (_, n) => ({ path: `${n}.${path}`, message: 'is wrong' }))

  test('lists a hundred issues as they are', () => {
    expect(new InvalidInputError(issues(100)).issues).toEqual(issues(100))
  })

  test('counts what is beyond', () => {
    const error = new InvalidInputError(issues(101))
    expect(error.issues).toEqual([...issues(100), { path: '', message: 'and 1 more' }])
    expect(error.message.endsWith('99.a: is wrong; and 1 more')).toBe(true)
    expect(new InvalidInputError(issues(50_000), 7).issues.at(-1)?.message).toBe('and 49907 more')
  })

  test('has a message below 100 KB, whatever the paths', () => {
    const error = new InvalidInputError(issues(50_000, 'é'.repeat(100_000)))
    expect(error.message.length).toBeLessThan(35_000)
    expect(error.message).toContain('99.ééé')
    expect(error.issues[0]?.path).toHaveLength(100_002)
  })
})
