import { add } from 'date-fns'
import { createTestClock } from 'kysely-work-queues/testing'
import { afterEach, describe, expect, test } from 'vitest'

describe('createTestClock', () => {
  const timeZone = process.env['TZ']
  afterEach(() => {
    if (timeZone === undefined) delete process.env['TZ']
    else process.env['TZ'] = timeZone
  })

  test('stands still at a fixed time', () => {
    const clock = createTestClock()
    expect(clock.now()).toEqual(new Date('2026-01-01T00:00:00.000Z'))
    expect(clock.now()).toEqual(clock.now())
  })

  test('begins at the time it is given, and keeps it when that is changed', () => {
    const start = new Date('2035-05-05T05:05:05.555Z')
    const clock = createTestClock(start)
    start.setUTCFullYear(1999)
    clock.now().setUTCFullYear(1999)
    expect(clock.now()).toEqual(new Date('2035-05-05T05:05:05.555Z'))
  })

  test('is set forwards and back', () => {
    const clock = createTestClock()
    clock.set(new Date('2035-01-01T00:00:00Z'))
    expect(clock.now()).toEqual(new Date('2035-01-01T00:00:00Z'))
    clock.set(new Date('2001-01-01T00:00:00Z'))
    expect(clock.now()).toEqual(new Date('2001-01-01T00:00:00Z'))
  })

  test('is advanced by a duration', () => {
    const clock = createTestClock()
    expect(clock.advance({ hours: 1, minutes: 2, seconds: 3.5 })).toEqual(new Date('2026-01-01T01:02:03.500Z'))
    clock.advance({ weeks: 1, days: 1 })
    expect(clock.now()).toEqual(new Date('2026-01-09T01:02:03.500Z'))
    clock.advance({ days: -8 })
    expect(clock.now()).toEqual(new Date('2026-01-01T01:02:03.500Z'))
    expect(clock.advance({})).toEqual(clock.now())
  })

  test.each([
    ['2026-01-31', { months: 1 }, '2026-02-28'],
    ['2027-12-31', { months: 2 }, '2028-02-29'],
    ['2024-02-29', { years: 1 }, '2025-02-28'],
    ['2026-03-31', { months: -1 }, '2026-02-28'],
    ['2026-11-30', { years: 1, months: 2, days: 1 }, '2028-01-31'],
  ])('%s and %j are %s, as date-fns has it', (from, duration, to) => {
    process.env['TZ'] = 'UTC'
    const start = new Date(`${from}T12:00:00Z`)
    expect(createTestClock(start).advance(duration)).toEqual(new Date(`${to}T12:00:00Z`))
    expect(add(start, duration)).toEqual(new Date(`${to}T12:00:00Z`))
  })

  test('goes by UTC in every time zone, where every day has 24 hours', () => {
    process.env['TZ'] = 'Europe/Berlin'
    const start = new Date('2026-03-28T12:00:00Z')
    expect(createTestClock(start).advance({ days: 1 })).toEqual(new Date('2026-03-29T12:00:00Z'))
    expect(createTestClock(start).advance({ months: 1 })).toEqual(new Date('2026-04-28T12:00:00Z'))
    // What it does not do.
    expect(add(start, { days: 1 })).toEqual(new Date('2026-03-29T11:00:00Z'))
  })

  test('refuses times and durations that are none, and stands still', () => {
    const issue = (path: string): object => expect.objectContaining({ issues: [expect.objectContaining({ path })] })
    expect(() => createTestClock(new Date(NaN))).toThrow(issue('start'))
    const clock = createTestClock()
    expect(() => clock.set(new Date(NaN))).toThrow(issue('time'))
    expect(() => clock.set('2035-01-01' as unknown as Date)).toThrow(issue('time'))
    expect(() => clock.advance({ hours: NaN })).toThrow(issue('duration.hours'))
    expect(() => clock.advance({ months: 0.5 })).toThrow(issue('duration.months'))
    expect(() => clock.advance({ hour: 1 } as object)).toThrow(issue('duration.hour'))
    expect(() => clock.advance({ years: 10_000 })).toThrow(issue('time'))
    expect(clock.now()).toEqual(new Date('2026-01-01T00:00:00.000Z'))
  })
})
