import { addMilliseconds } from 'date-fns'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isLastPolledRecent, WORK_QUEUE_LAST_POLLED_TIMEOUT_SECONDS } from '../../src/rules/is-last-polled-recent.js'

describe('isLastPolledRecent', () => {
  test('says yes exactly to polls of the last 60.000 s and of the future, to the millisecond', () => {
    const edge = fc.oneof(fc.integer({ min: 59_990, max: 60_010 }), fc.integer({ min: -200_000, max: 200_000 }))
    fc.assert(
      fc.property(edge, fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }), (age, now) => {
        expect(isLastPolledRecent(addMilliseconds(now, -age), now)).toBe(age <= 60_000)
      }),
      { examples: [59_999, 60_000, 60_001].map((age) => [age, new Date(1e12)]) },
    )
  })

  test('takes another number of seconds', () => {
    const now = new Date('2035-01-01T12:00:00Z')
    expect(isLastPolledRecent(addMilliseconds(now, -5000), now, 5)).toBe(true)
    expect(isLastPolledRecent(addMilliseconds(now, -5001), now, 5)).toBe(false)
  })

  test('takes 60 s, the time that Prefect takes, when it is not told', () => {
    expect(WORK_QUEUE_LAST_POLLED_TIMEOUT_SECONDS).toBe(60)
  })

  test('says no to a queue that was never polled, whatever the time allowed', () => {
    const now = new Date('2035-01-01T12:00:00Z')
    expect(isLastPolledRecent(null, now, Infinity)).toBe(false)
    expect(isLastPolledRecent(undefined, now, Infinity)).toBe(false)
    expect(isLastPolledRecent(new Date(0), now, Infinity)).toBe(true)
  })
})
