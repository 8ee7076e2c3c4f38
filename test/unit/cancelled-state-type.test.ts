import { expect, test } from 'vitest'
import { cancelledStateType } from '../../src/rules/cancelled-state-type.js'
import { STATE_TYPES, TERMINAL_STATES } from '../../src/rules/states.js'

test.each([null, 'SCHEDULED', 'PAUSED'] as const)('a run that nobody has is CANCELLED at once: %s', (type) => {
  expect(cancelledStateType(type)).toBe('CANCELLED')
})

test.each(['PENDING', 'RUNNING', 'CANCELLING'] as const)('whoever has a run has to stop it first: %s', (type) => {
  expect(cancelledStateType(type)).toBe('CANCELLING')
})

test('a run that has ended is not cancelled any more, and every state is one of the three kinds', () => {
  const ended = STATE_TYPES.filter((type) => cancelledStateType(type) === undefined)
  expect(ended.toSorted()).toEqual([...TERMINAL_STATES].toSorted())
})
