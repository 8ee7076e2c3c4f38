import { leaseHolds, STATE_TYPES } from 'kysely-work-queues/rules'
import { describe, expect, test } from 'vitest'

const at = (n: number): Date => new Date(Date.UTC(2035, 0, 1) + n)
const lease = { stateId: 'claim', acquiredAt: at(5) }

describe('leaseHolds', () => {
  test('while the run is in the state of the claim, whatever its history says', () => {
    const states = [{ type: 'FAILED', timestamp: at(9) } as const]
    expect(leaseHolds(lease, { stateId: 'claim', stateType: 'PENDING' }, states)).toBe(true)
  })

  test('only in states that occupy a slot', () => {
    const held = STATE_TYPES.filter((stateType) => leaseHolds(lease, { stateId: 'other', stateType }, []))
    expect(held).toEqual(['PENDING', 'RUNNING', 'CANCELLING'])
    expect(leaseHolds(lease, { stateId: null, stateType: null }, [])).toBe(false)
  })

  test('not when the run was in any other state since', () => {
    for (const type of STATE_TYPES) {
      const isOfSlot = ['PENDING', 'RUNNING', 'CANCELLING'].includes(type)
      const since = [{ type, timestamp: at(6) }]
      expect(leaseHolds(lease, { stateId: 'other', stateType: 'RUNNING' }, since), type).toBe(isOfSlot)
    }
  })

  test('whatever was before the claim, or at its very time', () => {
    const before = STATE_TYPES.flatMap((type) => [at(0), at(5)].map((timestamp) => ({ type, timestamp })))
    expect(leaseHolds(lease, { stateId: 'other', stateType: 'RUNNING' }, before)).toBe(true)
  })
})
