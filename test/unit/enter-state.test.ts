import { addMilliseconds } from 'date-fns'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { enterState, type EnteredState, type FlowRunFacts, runningMilliseconds } from '../../src/rules/enter-state.js'
import { STATE_TYPES, type StateType } from '../../src/rules/states.js'

const due = new Date('2035-01-01T11:00:00Z')
const before = new Date('2035-01-01T11:30:00Z')
const now = new Date('2035-01-01T12:00:00Z')
const later = new Date('2035-01-01T13:00:00Z')

/** What the states say of a run, put down apart from the rule. */
const names: Readonly<Record<StateType, string>> = {
  SCHEDULED: 'Scheduled',
  PENDING: 'Pending',
  RUNNING: 'Running',
  COMPLETED: 'Completed',
  FAILED: 'Failed',
  CANCELLED: 'Cancelled',
  CRASHED: 'Crashed',
  PAUSED: 'Paused',
  CANCELLING: 'Cancelling',
}
const terminal = new Set<StateType>(['COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED'])

/** A run that is in a state. */
function runIn(stateType: StateType | null): FlowRunFacts {
  return {
    stateType,
    stateName: stateType === null ? null : names[stateType],
    stateTimestamp: before,
    runCount: 2,
    expectedStartTime: due,
    nextScheduledStartTime: due,
    startTime: before,
    endTime: stateType !== null && terminal.has(stateType) ? before : null,
  }
}

/** A run that was just created. */
const created: FlowRunFacts = {
  ...runIn('SCHEDULED'),
  runCount: 0,
  expectedStartTime: null,
  nextScheduledStartTime: null,
  startTime: null,
}
const time = fc.integer({ min: -200_000, max: 200_000 }).map((offset) => addMilliseconds(now, offset))
const state: fc.Arbitrary<EnteredState> = fc.record(
  { type: fc.constantFrom(...STATE_TYPES), timestamp: time, name: fc.string(), scheduledTime: fc.option(time) },
  { requiredKeys: ['type', 'timestamp'] },
)

const transitions = [null, ...STATE_TYPES].flatMap((from) => STATE_TYPES.map((to) => [from, to] as const))

describe('enterState', () => {
  test.each(transitions)('takes a run from %s to %s and changes only what the state says', (from, to) => {
    expect(enterState(runIn(from), { type: to, timestamp: now, scheduledTime: later })).toEqual({
      stateType: to,
      stateName: names[to],
      stateTimestamp: now,
      runCount: to === 'RUNNING' ? 3 : 2,
      expectedStartTime: due,
      nextScheduledStartTime: to === 'SCHEDULED' ? later : due,
      startTime: before,
      endTime: !terminal.has(to) ? null : from !== null && terminal.has(from) ? before : now,
    })
  })

  test.each(STATE_TYPES)('%s gives a run the times that it never had', (type) => {
    const scheduled = { ...created, nextScheduledStartTime: due }
    expect(enterState(created, { type, timestamp: now })).toMatchObject({
      expectedStartTime: type === 'SCHEDULED' || type === 'PENDING' ? null : now,
      nextScheduledStartTime: null,
      startTime: type === 'RUNNING' || terminal.has(type) ? now : null,
    })
    expect(enterState(scheduled, { type, timestamp: now })).toMatchObject({
      expectedStartTime: type === 'SCHEDULED' || type === 'PENDING' ? due : now,
      nextScheduledStartTime: due,
    })
  })

  test.each(STATE_TYPES)('%s takes the name that is given, also an empty one', (type) => {
    expect(enterState(runIn('PENDING'), { type, name: 'Late', timestamp: now }).stateName).toBe('Late')
    expect(enterState(runIn('PENDING'), { type, name: '', timestamp: now }).stateName).toBe('')
    expect(enterState(runIn('PENDING'), { type, name: undefined, timestamp: now }).stateName).toBe(names[type])
  })

  test('sets the end time of a run that had not ended, whatever an end that somebody left there says', () => {
    const run = { ...runIn('CANCELLING'), endTime: before }
    expect(enterState(run, { type: 'CANCELLED', timestamp: now }).endTime).toBe(now)
  })

  test('counts no further than the databases can', () => {
    const [last, most] = [2 ** 31 - 2, 2 ** 31 - 1]
    const counts = [last, most].map((runCount) =>
      enterState({ ...runIn('PENDING'), runCount }, { type: 'RUNNING', timestamp: now }),
    )
    expect(counts.map(({ runCount }) => runCount)).toEqual([most, most])
  })

  test('does not change the run that it is given', () => {
    const run = Object.freeze(runIn('FAILED'))
    expect(enterState(run, { type: 'SCHEDULED', timestamp: now, scheduledTime: later })).not.toBe(run)
    expect(run).toEqual(runIn('FAILED'))
  })

  test('keeps the facts of a run true of all the states it was in', () => {
    fc.assert(
      fc.property(fc.array(state, { minLength: 1, maxLength: 8 }), (states) => {
        let run = created
        for (const entered of states) run = enterState(run, entered)
        const last = states.at(-1)
        const attempts = states.filter(({ type }) => type === 'RUNNING')
        const start = states.find(({ type }) => type === 'RUNNING' || terminal.has(type))
        const lastLiving = states.findLastIndex(({ type }) => !terminal.has(type))
        const scheduled = states.filter((each) => each.type === 'SCHEDULED' && each.scheduledTime !== undefined)
        expect(run).toMatchObject({
          stateType: last?.type,
          stateTimestamp: last?.timestamp,
          runCount: attempts.length,
          startTime: start?.timestamp ?? null,
          endTime: states[lastLiving + 1]?.timestamp ?? null,
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

describe('runningMilliseconds', () => {
  test.each(STATE_TYPES)('of a run that leaves %s is the time in it if that was RUNNING, else none', (type) => {
    expect(runningMilliseconds(runIn(type), now)).toBe(type === 'RUNNING' ? 30 * 60_000 : 0)
  })

  test('is never less than nothing, and nothing without a time', () => {
    expect(runningMilliseconds({ stateType: 'RUNNING', stateTimestamp: later }, now)).toBe(0)
    expect(runningMilliseconds({ stateType: 'RUNNING', stateTimestamp: null }, now)).toBe(0)
  })

  test('is nothing since ever, which is no time that can be counted', () => {
    const ever = new Date(-8.64e15)
    expect(runningMilliseconds({ stateType: 'RUNNING', stateTimestamp: ever }, now)).toBe(0)
  })
})
