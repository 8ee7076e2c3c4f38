import type { Duration } from 'date-fns'
import { check, timeSchema } from '../model/checks.js'
import { addDuration, durationSchema } from './durations.js'

/** A clock that stands still until it is set. */
export interface TestClock {
  /** What time it is, to be given to the library's functions as `now`. */
  readonly now: () => Date
  /**
   * Sets the time, forwards or back.
   *
   * @throws {InvalidInputError} when the time is not valid.
   */
  readonly set: (time: Date) => void
  /**
   * Moves the time on, by a `Duration` of date-fns such as `{ minutes: 5 }`, in UTC, and returns the new
   * time. A negative one moves it back.
   *
   * @throws {InvalidInputError} when the duration is not valid.
   */
  readonly advance: (duration: Duration) => Date
}

/** What a test clock shows first, unless it is told another time. */
export const TEST_CLOCK_START = '2026-01-01T00:00:00.000Z'

/**
 * Creates a clock for tests, which stands still until it is set. Nothing of the library reads it by itself:
 * give its time to functions as `now`.
 *
 * @param start - What it shows first. Default: midnight UTC of 2026-01-01, always the same, so that tests
 *   repeat exactly.
 * @throws {InvalidInputError} when `start` is not a valid time.
 *
 * @example
 * ```ts
 * const clock = createTestClock()
 * await setFlowRunState(session, run.id, { type: 'RUNNING' }, { now: clock.now() })
 * clock.advance({ minutes: 5 })
 * await setFlowRunState(session, run.id, { type: 'COMPLETED' }, { now: clock.now() })
 * ```
 */
export function createTestClock(start: Date = new Date(TEST_CLOCK_START)): TestClock {
  // Dates can be changed by whoever holds them, so the clock gives away copies, and takes them.
  let time = new Date(check(timeSchema, start, 'start'))
  return {
    now() {
      return new Date(time)
    },
    set(to) {
      time = new Date(check(timeSchema, to, 'time'))
    },
    advance(duration) {
      const moved = addDuration(time, check(durationSchema, duration, 'duration'))
      time = check(timeSchema, moved, 'time')
      return new Date(time)
    },
  }
}
