import { addMilliseconds, subMilliseconds } from 'date-fns'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DEFAULT_HEALTH_CHECK_POLICY, evaluateHealth } from '../../src/rules/evaluate-health.js'

const now = new Date('2035-01-01T12:00:00Z')
const count = fc.nat({ max: 5 })
const time = fc.integer({ min: -200_000, max: 200_000 }).map((offset) => addMilliseconds(now, offset))
const polled = (seconds: number): Date => subMilliseconds(now, seconds * 1000)

describe('evaluateHealth', () => {
  test('has a policy of no late runs and a poll within 60 s for every queue', () => {
    expect(DEFAULT_HEALTH_CHECK_POLICY).toEqual({ maximumLateRuns: 0, maximumSecondsSinceLastPolled: 60 })
  })

  test.each<[late: number | null, seconds: number | null, lateRunsCount: number, lastPolled: Date | null, boolean]>([
    [0, 60, 0, polled(60), true],
    [0, 60, 0, polled(60.001), false],
    [0, 60, 0, polled(-3600), true],
    [0, 60, 1, polled(0), false],
    [2, 60, 2, polled(0), true],
    [2, 60, 3, polled(0), false],
    [null, 60, 1000, polled(60), true],
    [null, 60, 0, polled(61), false],
    [null, 60, 0, null, false],
    [0, null, 0, null, true],
    [0, null, 0, polled(86_400), true],
    [0, null, 1, polled(0), false],
    [null, null, 1000, null, true],
    [0, 300, 0, polled(300), true],
    [0, 300, 0, polled(300.001), false],
    [0, 0, 0, polled(0), true],
    [0, 0, 0, polled(0.001), false],
  ])(
    'under at most %s late runs and %s s since the last poll, %i late runs and a poll at %s is %s',
    (maximumLateRuns, maximumSecondsSinceLastPolled, lateRunsCount, lastPolled, healthy) => {
      const policy = { maximumLateRuns, maximumSecondsSinceLastPolled }
      expect(evaluateHealth(policy, { lateRunsCount, lastPolled }, now)).toBe(healthy)
    },
  )

  test('never improves with more late runs or with an earlier poll', () => {
    const policy = fc.record({
      maximumLateRuns: fc.option(count),
      maximumSecondsSinceLastPolled: fc.option(fc.nat({ max: 200 })),
    })
    fc.assert(
      fc.property(policy, count, count, time, fc.nat({ max: 200_000 }), (asked, late, more, lastPolled, earlier) => {
        const worse = { lateRunsCount: late + more, lastPolled: addMilliseconds(lastPolled, -earlier) }
        if (evaluateHealth(asked, worse, now)) {
          expect(evaluateHealth(asked, { lateRunsCount: late, lastPolled }, now)).toBe(true)
        }
      }),
    )
  })
})
