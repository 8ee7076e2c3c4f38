import { addMilliseconds } from 'date-fns'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { judgeFlowRun, type PlaceFacts } from '../../src/rules/explain-flow-run.js'
import { enterState, type EnteredState, type FlowRunFacts } from '../../src/rules/flow-run-transition.js'
import { evaluateHealth } from '../../src/rules/health.js'
import { isLastPolledRecent } from '../../src/rules/last-polled.js'
import { openSlots } from '../../src/rules/open-slots.js'
import { isTerminal, STATE_TYPES } from '../../src/rules/states.js'
import { nextWorkQueueStatus, WORK_QUEUE_STATUSES } from '../../src/rules/work-queue-status.js'

// What holds of the rules whatever they are given.

const now = new Date('2035-01-01T12:00:00Z')
const count = fc.nat({ max: 5 })
const limit = fc.option(count)
const milliseconds = fc.integer({ min: -200_000, max: 200_000 })
const time = milliseconds.map((offset) => addMilliseconds(now, offset))
const maybeTime = fc.option(time)

describe('openSlots', () => {
  test('never lets in more than the limit leaves, and one run less for each that is active', () => {
    fc.assert(
      fc.property(count, fc.nat(), (slots, active) => {
        expect(openSlots(slots, active)).toBeGreaterThanOrEqual(0)
        expect(openSlots(slots, active)).toBeLessThanOrEqual(slots)
        if (active <= slots) expect(openSlots(slots, active) + active).toBe(slots)
      }),
    )
  })
})

describe('isLastPolledRecent', () => {
  test('stays true for every later poll, and false for every earlier one', () => {
    fc.assert(
      fc.property(time, fc.nat({ max: 200_000 }), fc.nat({ max: 200 }), (lastPolled, more, seconds) => {
        const later = addMilliseconds(lastPolled, more)
        if (isLastPolledRecent(lastPolled, now, seconds)) expect(isLastPolledRecent(later, now, seconds)).toBe(true)
        if (!isLastPolledRecent(later, now, seconds)) expect(isLastPolledRecent(lastPolled, now, seconds)).toBe(false)
      }),
    )
  })
})

describe('evaluateHealth', () => {
  test('never improves with more late runs or with an earlier poll', () => {
    const policy = fc.record({ maximumLateRuns: limit, maximumSecondsSinceLastPolled: fc.option(fc.nat({ max: 200 })) })
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

describe('nextWorkQueueStatus', () => {
  test('is PAUSED exactly when the update pauses, and never the status that the queue has', () => {
    fc.assert(
      fc.property(
        fc.record({ status: fc.constantFrom(...WORK_QUEUE_STATUSES), lastPolled: maybeTime }),
        fc.record({ isPaused: fc.boolean(), lastPolled: maybeTime }, { requiredKeys: [] }),
        (queue, patch) => {
          const next = nextWorkQueueStatus(queue, patch, now)
          expect(next).not.toBe(queue.status)
          if (next !== undefined) expect(next === 'PAUSED').toBe(patch.isPaused)
          expect((next ?? queue.status) === 'PAUSED').toBe(patch.isPaused ?? queue.status === 'PAUSED')
        },
      ),
    )
  })
})

describe('enterState', () => {
  const created: FlowRunFacts = {
    stateType: 'SCHEDULED',
    stateName: 'Scheduled',
    stateTimestamp: now,
    runCount: 0,
    expectedStartTime: null,
    nextScheduledStartTime: null,
    startTime: null,
    endTime: null,
  }
  const state: fc.Arbitrary<EnteredState> = fc.record(
    { type: fc.constantFrom(...STATE_TYPES), timestamp: time, name: fc.string(), scheduledTime: maybeTime },
    { requiredKeys: ['type', 'timestamp'] },
  )

  test('keeps the facts of a run true of all the states it was in', () => {
    fc.assert(
      fc.property(fc.array(state, { minLength: 1, maxLength: 8 }), (states) => {
        let run = created
        for (const entered of states) run = enterState(run, entered)
        const last = states.at(-1)
        const attempts = states.filter(({ type }) => type === 'RUNNING')
        const scheduled = states.filter((each) => each.type === 'SCHEDULED' && each.scheduledTime !== undefined)
        expect(run).toMatchObject({
          stateType: last?.type,
          stateTimestamp: last?.timestamp,
          runCount: attempts.length,
          startTime: attempts[0]?.timestamp ?? null,
          endTime: last !== undefined && isTerminal(last.type) ? last.timestamp : null,
          nextScheduledStartTime: scheduled.at(-1)?.scheduledTime ?? null,
        })
      }),
    )
  })

  test('never changes an expected start time', () => {
    fc.assert(
      fc.property(time, state, (expectedStartTime, entered) => {
        expect(enterState({ ...created, expectedStartTime }, entered).expectedStartTime).toBe(expectedStartTime)
      }),
    )
  })
})

describe('judgeFlowRun', () => {
  const limited = fc.record({ concurrencyLimit: limit, active: count }).map(({ concurrencyLimit, active }) => ({
    concurrencyLimit,
    openSlots: openSlots(concurrencyLimit, active),
    holders: [],
  }))
  const queue = fc
    .record({ isPaused: fc.boolean(), lastPolled: maybeTime, limited })
    .map(({ limited: slots, ...facts }) => ({ id: 'q', name: 'etl', priority: 2, ...facts, ...slots }))
  const pool = fc
    .record({
      type: fc.constantFrom('process', 'prefect-agent'),
      isPaused: fc.boolean(),
      hasOnlineWorker: fc.boolean(),
      limited,
    })
    .map(({ limited: slots, ...facts }) => ({ id: 'p', name: 'pool', ...facts, ...slots }))
  const ahead = count.map((runs) => [{ workQueueId: 'u', workQueueName: 'urgent', priority: 1, runs }])
  const place: fc.Arbitrary<PlaceFacts> = fc.record({
    queue,
    pool,
    isMember: fc.boolean(),
    aheadInQueue: count,
    isPolledByPool: fc.boolean(),
    aheadInPool: fc.option(ahead, { nil: undefined }),
    isPassedOverInPool: fc.boolean(),
    poolPollLimit: fc.integer({ min: 1, max: 5 }),
  })
  const flowRun = fc.record({
    stateType: fc.option(fc.constantFrom(...STATE_TYPES)),
    stateName: fc.constant(null),
    nextScheduledStartTime: maybeTime,
    isDue: fc.boolean(),
    workQueueName: fc.option(fc.constant('etl')),
    isRetriedInProcess: fc.boolean(),
  })

  test('hands a run out exactly when the last reason says so, and all reasons are sentences', () => {
    fc.assert(
      fc.property(flowRun, fc.option(place, { nil: undefined }), (run, where) => {
        const { handedOut, reasons } = judgeFlowRun(run, where, now)
        const kinds = reasons.map(({ kind }) => kind)
        expect(kinds.includes('handed-out')).toBe(handedOut)
        if (handedOut) expect(kinds.at(-1)).toBe('handed-out')
        else expect(kinds.some((kind) => kind !== 'not-polled' && kind !== 'no-worker')).toBe(true)
        for (const { sentence } of reasons) expect(sentence).toMatch(/^[A-Z][^\n]*\.$/)
      }),
    )
  })

  test('hands out only due, SCHEDULED runs of an unpaused queue that have an open slot', () => {
    fc.assert(
      fc.property(flowRun, place, (run, where) => {
        const due = { ...run, stateType: 'SCHEDULED', isDue: true } as const
        const isPolledInVain = where.isPolledByPool && (where.pool.isPaused || run.isRetriedInProcess)
        const isOpen = where.isMember && !where.queue.isPaused && where.queue.openSlots > 0 && !isPolledInVain
        if (judgeFlowRun(run, where, now).handedOut) expect([run.stateType, run.isDue]).toEqual(['SCHEDULED', true])
        if (judgeFlowRun(due, where, now).handedOut) expect(isOpen).toBe(true)
      }),
    )
  })

  test('never hands out a run because one more is ahead of it', () => {
    fc.assert(
      fc.property(flowRun, place, (run, where) => {
        const behindOneMore = { ...where, aheadInQueue: where.aheadInQueue + 1 }
        if (judgeFlowRun(run, behindOneMore, now).handedOut) expect(judgeFlowRun(run, where, now).handedOut).toBe(true)
      }),
    )
  })
})
