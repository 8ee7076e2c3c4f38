import { describe, expect, test } from 'vitest'
import {
  defaultStateName,
  FILTER_QUEUE_SLOT_STATES,
  isTerminal,
  LATE_STATE_NAME,
  STATE_TYPES,
  type StateType,
  WORK_POOL_SLOT_STATES,
  WORK_QUEUE_SLOT_STATES,
} from '../../src/rules/states.js'

describe('states', () => {
  test.each<[StateType, name: string, terminal: boolean]>([
    ['SCHEDULED', 'Scheduled', false],
    ['PENDING', 'Pending', false],
    ['RUNNING', 'Running', false],
    ['COMPLETED', 'Completed', true],
    ['FAILED', 'Failed', true],
    ['CANCELLED', 'Cancelled', true],
    ['CRASHED', 'Crashed', true],
    ['PAUSED', 'Paused', false],
    ['CANCELLING', 'Cancelling', false],
  ])('%s is named %s by default, and whether it is terminal is %s', (type, name, terminal) => {
    expect(STATE_TYPES).toContain(type)
    expect(defaultStateName(type)).toBe(name)
    expect(isTerminal(type)).toBe(terminal)
  })

  test('come in the order of Prefect, each once', () => {
    expect(STATE_TYPES).toEqual(
      'SCHEDULED PENDING RUNNING COMPLETED FAILED CANCELLED CRASHED PAUSED CANCELLING'.split(' '),
    )
  })

  test('are named Late when a run was not started in time, a name that no type has by default', () => {
    expect(LATE_STATE_NAME).toBe('Late')
    expect(STATE_TYPES.map(defaultStateName)).not.toContain(LATE_STATE_NAME)
  })

  test('occupy slots: CANCELLING only where a queue is polled by itself, and for claims', () => {
    expect(WORK_QUEUE_SLOT_STATES).toEqual(['PENDING', 'RUNNING', 'CANCELLING'])
    expect(WORK_POOL_SLOT_STATES).toEqual(['PENDING', 'RUNNING'])
    expect(FILTER_QUEUE_SLOT_STATES).toEqual(['PENDING', 'RUNNING'])
  })

  test('occupy no slot when they wait or are terminal', () => {
    const occupying = [...WORK_QUEUE_SLOT_STATES, ...WORK_POOL_SLOT_STATES, ...FILTER_QUEUE_SLOT_STATES]
    expect(occupying.filter((type) => isTerminal(type) || type === 'SCHEDULED' || type === 'PAUSED')).toEqual([])
  })
})
