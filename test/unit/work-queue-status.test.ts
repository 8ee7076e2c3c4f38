import { subMilliseconds } from 'date-fns'
import { describe, expect, test } from 'vitest'
import {
  initialWorkQueueStatus,
  nextWorkQueueStatus,
  WORK_QUEUE_STATUSES,
  type WorkQueueStatus,
} from '../../src/rules/work-queue-status.js'

const now = new Date('2035-01-01T12:00:00Z')
const recent = subMilliseconds(now, 60_000)
const longAgo = subMilliseconds(now, 60_001)

const polls = [undefined, null, recent, longAgo]
const combinations = WORK_QUEUE_STATUSES.flatMap((status) =>
  [undefined, false, true].flatMap((isPaused) =>
    [null, recent, longAgo].flatMap((lastPolled) =>
      polls.map((polledInUpdate) => ({ status, isPaused, lastPolled, polledInUpdate })),
    ),
  ),
)

/** The status that each combination is to write, put down apart from the rule: a line for each that writes one. */
function expected(of: (typeof combinations)[number]): WorkQueueStatus | undefined {
  const { status, isPaused, lastPolled, polledInUpdate } = of
  switch (`${status} ${isPaused}`) {
    case 'READY true':
    case 'NOT_READY true':
      return 'PAUSED'
    case 'PAUSED false':
      if (polledInUpdate === recent) return 'READY'
      return polledInUpdate === undefined && lastPolled === recent ? 'READY' : 'NOT_READY'
    default:
      return undefined
  }
}

describe('the status of a work queue', () => {
  test('is one of three', () => {
    expect(WORK_QUEUE_STATUSES).toEqual(['READY', 'NOT_READY', 'PAUSED'])
  })

  test.each(combinations)(
    '$status of a queue polled at $lastPolled follows an update of isPaused to $isPaused and lastPolled to $polledInUpdate',
    (of) => {
      const { status, isPaused, lastPolled, polledInUpdate } = of
      expect(nextWorkQueueStatus({ status, lastPolled }, { isPaused, lastPolled: polledInUpdate }, now)).toBe(
        expected(of),
      )
    },
  )

  test('is NOT_READY of a queue just created, unless it was created paused', () => {
    expect([true, false, undefined].map((isPaused) => initialWorkQueueStatus({ isPaused }))).toEqual([
      'PAUSED',
      'NOT_READY',
      'NOT_READY',
    ])
  })
})
