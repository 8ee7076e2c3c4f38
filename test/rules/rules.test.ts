import { addMilliseconds } from 'date-fns'
import { describe, expect, test } from 'vitest'
import { enterState, type FlowRunFacts } from '../../src/rules/flow-run-transition.js'
import { DEFAULT_HEALTH_CHECK_POLICY, evaluateHealth } from '../../src/rules/health.js'
import { isLastPolledRecent } from '../../src/rules/last-polled.js'
import { openSlots } from '../../src/rules/open-slots.js'
import { resolveWorkPool } from '../../src/rules/resolve-work-pool.js'
import {
  defaultStateName,
  FILTER_QUEUE_SLOT_STATES,
  isTerminal,
  STATE_TYPES,
  TERMINAL_STATES,
  WORK_POOL_SLOT_STATES,
  WORK_QUEUE_SLOT_STATES,
} from '../../src/rules/states.js'
import { initialWorkPoolStatus, nextWorkPoolStatus } from '../../src/rules/work-pool-status.js'
import { initialWorkQueueStatus, nextWorkQueueStatus, WORK_QUEUE_STATUSES } from '../../src/rules/work-queue-status.js'

const now = new Date('2035-01-01T12:00:00Z')

/** A time so many milliseconds before now. */
const ago = (milliseconds: number): Date => addMilliseconds(now, -milliseconds)

describe('isLastPolledRecent', () => {
  test.each([
    ['60.000 s ago', ago(60_000), true],
    ['60.001 s ago', ago(60_001), false],
    ['just now', now, true],
    ['in the future', ago(-300_000), true],
    ['never', null, false],
    ['unknown', undefined, false],
  ])('%s is %s', (_, lastPolled, recent) => {
    expect(isLastPolledRecent(lastPolled, now)).toBe(recent)
  })

  test('takes another number of seconds', () => {
    expect(isLastPolledRecent(ago(5000), now, 5)).toBe(true)
    expect(isLastPolledRecent(ago(5001), now, 5)).toBe(false)
  })
})

describe('evaluateHealth', () => {
  test('asks for no late runs and a recent poll', () => {
    const healthy = (lateRunsCount: number, lastPolled: Date | null): boolean =>
      evaluateHealth(DEFAULT_HEALTH_CHECK_POLICY, { lateRunsCount, lastPolled }, now)
    expect(healthy(0, ago(60_000))).toBe(true)
    expect(healthy(0, ago(60_001))).toBe(false)
    expect(healthy(1, now)).toBe(false)
    expect(healthy(0, null)).toBe(false)
  })

  test('asks for nothing where the policy says null', () => {
    const policy = { maximumLateRuns: null, maximumSecondsSinceLastPolled: null }
    expect(evaluateHealth(policy, { lateRunsCount: 99, lastPolled: null }, now)).toBe(true)
  })
})

describe('openSlots', () => {
  test.each([
    [3, 1, 2],
    [3, 3, 0],
    [3, 9, 0],
    [0, 0, 0],
    [null, 9, Infinity],
    [undefined, 9, Infinity],
  ])('of limit %s with %i active is %d', (limit, active, open) => {
    expect(openSlots(limit, active)).toBe(open)
  })
})

describe('resolveWorkPool', () => {
  test('takes the pool that is asked for', () => {
    expect(resolveWorkPool({ name: 'q', workPoolId: 'p' }, { id: 'd' })).toEqual({ kind: 'given', workPoolId: 'p' })
  })

  test('falls back to the default pool', () => {
    expect(resolveWorkPool({ name: 'q', workPoolId: null }, { id: 'd' })).toEqual({ kind: 'default', workPoolId: 'd' })
    expect(resolveWorkPool({ name: 'default' }, { id: 'd' })).toEqual({ kind: 'default', workPoolId: 'd' })
  })

  test('has the default pool created, and its queue `default` is then the answer to who asked for that', () => {
    expect(resolveWorkPool({ name: 'q' }, undefined)).toEqual({ kind: 'create-default', returnDefaultQueue: false })
    expect(resolveWorkPool({ name: 'default' }, undefined)).toEqual({
      kind: 'create-default',
      returnDefaultQueue: true,
    })
  })
})

describe('the status of a work queue', () => {
  test('begins PAUSED or NOT_READY', () => {
    expect(initialWorkQueueStatus({ isPaused: true })).toBe('PAUSED')
    expect(initialWorkQueueStatus({ isPaused: false })).toBe('NOT_READY')
    expect(initialWorkQueueStatus({})).toBe('NOT_READY')
  })

  test.each(WORK_QUEUE_STATUSES)('an update without isPaused leaves %s', (status) => {
    expect(nextWorkQueueStatus({ status, lastPolled: now }, { lastPolled: now }, now)).toBeUndefined()
  })

  test('pausing writes PAUSED unless it is', () => {
    const pause = (status: (typeof WORK_QUEUE_STATUSES)[number]): unknown =>
      nextWorkQueueStatus({ status, lastPolled: null }, { isPaused: true }, now)
    expect(pause('READY')).toBe('PAUSED')
    expect(pause('NOT_READY')).toBe('PAUSED')
    expect(pause('PAUSED')).toBeUndefined()
  })

  test('unpausing a PAUSED queue goes by its last poll, the update’s first', () => {
    const unpause = (lastPolled: Date | null, patch: { lastPolled?: Date | null } = {}): unknown =>
      nextWorkQueueStatus({ status: 'PAUSED', lastPolled }, { isPaused: false, ...patch }, now)
    expect(unpause(ago(60_000))).toBe('READY')
    expect(unpause(ago(60_001))).toBe('NOT_READY')
    expect(unpause(null)).toBe('NOT_READY')
    expect(unpause(null, { lastPolled: now })).toBe('READY')
    expect(unpause(now, { lastPolled: null })).toBe('NOT_READY')
    expect(nextWorkQueueStatus({ status: 'READY', lastPolled: null }, { isPaused: false }, now)).toBeUndefined()
  })
})

describe('the status of a work pool', () => {
  test('begins PAUSED or NOT_READY, and an agent pool NOT_READY', () => {
    expect(initialWorkPoolStatus({ type: 'process', isPaused: true })).toBe('PAUSED')
    expect(initialWorkPoolStatus({ type: 'process', isPaused: false })).toBe('NOT_READY')
    expect(initialWorkPoolStatus({ type: 'prefect-agent', isPaused: true })).toBe('NOT_READY')
  })

  test('follows pause and resume, except in an agent pool', () => {
    const next = (type: string, isPaused: boolean | undefined, hasOnlineWorker: boolean): unknown =>
      nextWorkPoolStatus({ type }, { isPaused }, { hasOnlineWorker })
    expect(next('process', true, true)).toBe('PAUSED')
    expect(next('process', false, true)).toBe('READY')
    expect(next('process', false, false)).toBe('NOT_READY')
    expect(next('process', undefined, true)).toBeUndefined()
    expect(next('prefect-agent', true, true)).toBeUndefined()
  })
})

describe('states', () => {
  test('are named as their type, capitalised', () => {
    expect(STATE_TYPES.map(defaultStateName)).toContain('Scheduled')
    expect(defaultStateName('CANCELLING')).toBe('Cancelling')
  })

  test('are terminal or not', () => {
    expect(STATE_TYPES.filter(isTerminal)).toEqual(TERMINAL_STATES)
    expect(TERMINAL_STATES).toEqual(['COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED'])
    expect(isTerminal(null)).toBe(false)
  })

  test('occupy slots: CANCELLING only where a queue is polled by itself, and for claims', () => {
    expect(WORK_QUEUE_SLOT_STATES).toEqual(['PENDING', 'RUNNING', 'CANCELLING'])
    expect(WORK_POOL_SLOT_STATES).toEqual(['PENDING', 'RUNNING'])
    expect(FILTER_QUEUE_SLOT_STATES).toEqual(['PENDING', 'RUNNING'])
  })

  test('are all of Prefect’s', () => {
    expect(STATE_TYPES.toSorted()).toEqual(
      'CANCELLED CANCELLING COMPLETED CRASHED FAILED PAUSED PENDING RUNNING SCHEDULED'.split(' '),
    )
  })
})

describe('enterState', () => {
  const waiting: FlowRunFacts = {
    stateType: 'SCHEDULED',
    stateName: 'Scheduled',
    stateTimestamp: ago(9),
    runCount: 0,
    expectedStartTime: null,
    nextScheduledStartTime: ago(5),
    startTime: null,
    endTime: null,
  }

  test('RUNNING counts an attempt and sets the start time the first time', () => {
    const first = enterState(waiting, { type: 'RUNNING', timestamp: ago(4) })
    expect(first).toMatchObject({ runCount: 1, startTime: ago(4), expectedStartTime: ago(4), stateName: 'Running' })
    expect(enterState(first, { type: 'RUNNING', timestamp: now })).toMatchObject({ runCount: 2, startTime: ago(4) })
  })

  test('a terminal state sets the end time, and leaving it clears it', () => {
    const ended = enterState(waiting, { type: 'FAILED', timestamp: now })
    expect(ended.endTime).toEqual(now)
    expect(enterState(ended, { type: 'SCHEDULED', timestamp: now }).endTime).toBeNull()
  })

  test('SCHEDULED takes the scheduled time, and keeps the old one without', () => {
    const rescheduled = enterState(waiting, {
      type: 'SCHEDULED',
      name: 'AwaitingRetry',
      timestamp: now,
      scheduledTime: now,
    })
    expect(rescheduled).toMatchObject({
      nextScheduledStartTime: now,
      expectedStartTime: now,
      stateName: 'AwaitingRetry',
    })
    expect(enterState(waiting, { type: 'SCHEDULED', timestamp: now }).nextScheduledStartTime).toEqual(ago(5))
    expect(
      enterState(waiting, { type: 'SCHEDULED', timestamp: now, scheduledTime: null }).nextScheduledStartTime,
    ).toBeNull()
  })

  test('PENDING keeps the start time, so that a lost claim can be given back', () => {
    const pending = enterState(waiting, { type: 'PENDING', timestamp: now, scheduledTime: now })
    expect(pending).toMatchObject({ nextScheduledStartTime: ago(5), expectedStartTime: ago(5), runCount: 0 })
  })
})
