import { addMilliseconds } from 'date-fns'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { judgeFlowRun, type PlaceFacts } from '../../src/rules/judge-flow-run.js'
import { openSlots } from '../../src/rules/open-slots.js'
import { STATE_TYPES } from '../../src/rules/states.js'

const now = new Date('2035-01-01T12:00:00Z')
const count = fc.nat({ max: 5 })
const limit = fc.option(count)
const maybeTime = fc.option(fc.integer({ min: -200_000, max: 200_000 }).map((offset) => addMilliseconds(now, offset)))

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

  const explainedBy = fc.constantFrom('claim' as const, 'poll' as const)

  test('hands a run out exactly when the last reason says so, and all reasons are sentences', () => {
    fc.assert(
      fc.property(flowRun, fc.option(place, { nil: undefined }), explainedBy, (run, where, by) => {
        const { handedOut, reasons } = judgeFlowRun(run, where, now, by)
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
      fc.property(flowRun, place, explainedBy, (run, where, by) => {
        const due = { ...run, stateType: 'SCHEDULED', isDue: true } as const
        const obeysPool = by === 'claim' || where.isPolledByPool
        const isPolledInVain =
          (obeysPool && (where.pool.isPaused || where.pool.openSlots === 0)) ||
          (where.isPolledByPool && run.isRetriedInProcess)
        const isOpen = where.isMember && !where.queue.isPaused && where.queue.openSlots > 0 && !isPolledInVain
        if (judgeFlowRun(run, where, now, by).handedOut) expect([run.stateType, run.isDue]).toEqual(['SCHEDULED', true])
        if (judgeFlowRun(due, where, now, by).handedOut) expect(isOpen).toBe(true)
      }),
    )
  })

  test('never hands out a run because one more is ahead of it', () => {
    fc.assert(
      fc.property(flowRun, place, explainedBy, (run, where, by) => {
        const behindOneMore = { ...where, aheadInQueue: where.aheadInQueue + 1 }
        if (judgeFlowRun(run, behindOneMore, now, by).handedOut)
          expect(judgeFlowRun(run, where, now, by).handedOut).toBe(true)
      }),
    )
  })
})
