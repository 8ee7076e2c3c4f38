import { describe, expect, test } from 'vitest'
import {
  initialWorkPoolStatus,
  nextWorkPoolStatus,
  WORK_POOL_STATUSES,
  type WorkPoolStatus,
} from '../../src/rules/work-pool-status.js'

describe('the status of a work pool', () => {
  test('is one of three', () => {
    expect(WORK_POOL_STATUSES).toEqual(['READY', 'NOT_READY', 'PAUSED'])
  })

  test.each<[type: string, isPaused: boolean, WorkPoolStatus]>([
    ['process', true, 'PAUSED'],
    ['process', false, 'NOT_READY'],
    ['prefect-agent', true, 'NOT_READY'],
    ['prefect-agent', false, 'NOT_READY'],
  ])('of type %s, created with isPaused %s, is %s', (type, isPaused, status) => {
    expect(initialWorkPoolStatus({ type, isPaused })).toBe(status)
  })

  test.each<[type: string, isPaused: boolean | undefined, hasOnlineWorker: boolean, WorkPoolStatus | undefined]>([
    ['process', true, true, 'PAUSED'],
    ['process', true, false, 'PAUSED'],
    ['process', false, true, 'READY'],
    ['process', false, false, 'NOT_READY'],
    ['process', undefined, true, undefined],
    ['process', undefined, false, undefined],
    ['prefect-agent', true, true, undefined],
    ['prefect-agent', true, false, undefined],
    ['prefect-agent', false, true, undefined],
    ['prefect-agent', false, false, undefined],
    ['prefect-agent', undefined, true, undefined],
    ['prefect-agent', undefined, false, undefined],
  ])(
    'of type %s, updated with isPaused %s while a worker is online is %s, is written as %s',
    (type, isPaused, hasOnlineWorker, status) => {
      expect(nextWorkPoolStatus({ type }, { isPaused }, { hasOnlineWorker })).toBe(status)
    },
  )
})
