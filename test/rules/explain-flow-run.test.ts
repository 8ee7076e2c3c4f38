import { describe, expect, test } from 'vitest'
import {
  type ExplainedFlowRun,
  judgeFlowRun,
  type PlaceFacts,
  type PoolFacts,
  type QueueFacts,
} from '../../src/rules/explain-flow-run.js'
import { toReason } from '../../src/rules/reasons.js'

const now = new Date('2035-01-01T12:00:00Z')
const due: ExplainedFlowRun = {
  stateType: 'SCHEDULED',
  stateName: 'Scheduled',
  nextScheduledStartTime: now,
  isDue: true,
  workQueueName: 'etl',
  isRetriedInProcess: false,
}
const queue: QueueFacts = {
  id: 'q',
  name: 'etl',
  priority: 2,
  isPaused: false,
  lastPolled: now,
  concurrencyLimit: null,
  openSlots: Infinity,
  holders: [],
}
const pool: PoolFacts = {
  id: 'p',
  name: 'pool',
  type: 'process',
  isPaused: false,
  hasOnlineWorker: true,
  concurrencyLimit: null,
  openSlots: Infinity,
  holders: [],
}
const place: PlaceFacts = {
  queue,
  pool,
  isMember: true,
  aheadInQueue: 0,
  isPolledByPool: true,
  aheadInPool: [],
  isPassedOverInPool: false,
  poolPollLimit: 1000,
}
const holder = { flowRunId: 'h', name: 'holder', stateType: 'RUNNING', slotAcquiredAt: now } as const
const full = { concurrencyLimit: 1, openSlots: 0, holders: [holder] }
const ahead = { workQueueId: 'u', workQueueName: 'urgent', priority: 1, runs: 3 }

/** The kinds of the reasons, or the verdict. */
function kinds(run: Partial<ExplainedFlowRun>, changes?: Partial<PlaceFacts>): string[] {
  const { handedOut, reasons } = judgeFlowRun({ ...due, ...run }, { ...place, ...changes }, now)
  expect(handedOut).toBe(reasons.at(-1)?.kind === 'handed-out')
  return reasons.map(({ kind }) => kind)
}

describe('judgeFlowRun', () => {
  test('finds nothing in the way', () => {
    expect(kinds({})).toEqual(['handed-out'])
  })

  test('finds each thing that is in the way', () => {
    expect(kinds({ stateType: 'RUNNING' })).toEqual(['not-scheduled'])
    expect(kinds({ isDue: false })).toEqual(['not-due'])
    expect(kinds({}, { isMember: false })).toEqual(['not-in-filter'])
    expect(kinds({ isRetriedInProcess: true })).toEqual(['retried-in-process'])
    expect(kinds({}, { queue: { ...queue, isPaused: true } })).toEqual(['queue-paused'])
    expect(kinds({}, { pool: { ...pool, isPaused: true } })).toEqual(['pool-paused'])
    expect(kinds({}, { queue: { ...queue, ...full } })).toEqual(['queue-full'])
    expect(kinds({}, { pool: { ...pool, ...full } })).toEqual(['pool-full'])
    expect(kinds({}, { queue: { ...queue, concurrencyLimit: 1, openSlots: 1 }, aheadInQueue: 1 })).toEqual(['behind'])
    expect(kinds({}, { pool: { ...pool, concurrencyLimit: 3, openSlots: 3 }, aheadInPool: [ahead] })).toEqual([
      'behind',
    ])
    expect(kinds({}, { aheadInPool: [{ ...ahead, runs: 1000 }] })).toEqual(['behind'])
    const limited = { ...queue, concurrencyLimit: 2, openSlots: 1 }
    expect(kinds({}, { queue: limited, aheadInPool: undefined, isPassedOverInPool: true })).toEqual(['queue-full'])
  })

  test('lets a run through that has runs before it but slots enough', () => {
    expect(kinds({}, { queue: { ...queue, concurrencyLimit: 3, openSlots: 2 }, aheadInQueue: 1 })).toEqual([
      'handed-out',
    ])
    expect(kinds({}, { pool: { ...pool, concurrencyLimit: 4, openSlots: 4 }, aheadInPool: [ahead] })).toEqual([
      'handed-out',
    ])
  })

  test('warns of what keeps a run waiting that polls would hand out', () => {
    expect(kinds({}, { queue: { ...queue, lastPolled: null } })).toEqual(['not-polled', 'handed-out'])
    expect(kinds({}, { pool: { ...pool, hasOnlineWorker: false } })).toEqual(['no-worker', 'handed-out'])
    expect(kinds({}, { pool: { ...pool, type: 'prefect-agent', hasOnlineWorker: false } })).toEqual(['handed-out'])
  })

  test('leaves the pool out for a run that polls of the pool do not look at', () => {
    expect(
      kinds({ isRetriedInProcess: true }, { isPolledByPool: false, pool: { ...pool, ...full, isPaused: true } }),
    ).toEqual(['handed-out'])
  })

  test('gives all reasons that hold, in order', () => {
    const { reasons } = judgeFlowRun({ ...due, stateType: null, stateName: null, isDue: false }, undefined, now)
    expect(reasons.map(({ kind }) => kind)).toEqual(['not-scheduled', 'no-queue', 'not-due'])
    expect(
      kinds(
        { isDue: false },
        {
          queue: { ...queue, ...full, isPaused: true, lastPolled: null },
          pool: { ...pool, ...full, isPaused: true, hasOnlineWorker: false },
          aheadInQueue: 2,
          aheadInPool: [ahead],
        },
      ),
    ).toEqual([
      'not-due',
      'queue-paused',
      'pool-paused',
      'queue-full',
      'pool-full',
      'behind',
      'behind',
      'not-polled',
      'no-worker',
    ])
  })
})

test.each([
  [
    { kind: 'not-scheduled', stateType: null, stateName: null },
    'It has no state yet, and only SCHEDULED runs are handed out.',
  ],
  [
    { kind: 'not-scheduled', stateType: 'PAUSED', stateName: 'Paused' },
    'It is PAUSED, and only SCHEDULED runs are handed out.',
  ],
  [{ kind: 'no-queue', workQueueName: null }, 'It belongs to no work queue.'],
  [{ kind: 'no-queue', workQueueName: 'x' }, 'It belongs to the work queue "x", which does not exist.'],
  [{ kind: 'not-due', until: null }, 'It has no start time, and polls for due runs leave it out.'],
  [{ kind: 'not-due', until: now }, 'It is not due until 2035-01-01T12:00:00.000Z.'],
  [
    { kind: 'not-in-filter', workQueueId: 'q', workQueueName: 'etl' },
    'The work queue "etl" takes runs by tag and deployment, and it does not match.',
  ],
  [
    { kind: 'retried-in-process' },
    'It waits for a retry inside the process that ran it before, and polls of its work pool leave it out.',
  ],
  [{ kind: 'queue-paused', workQueueId: 'q', workQueueName: 'etl' }, 'The work queue "etl" is paused.'],
  [{ kind: 'pool-paused', workPoolId: 'p', workPoolName: 'pool' }, 'The work pool "pool" is paused.'],
  [
    { kind: 'queue-full', workQueueId: 'q', workQueueName: 'etl', concurrencyLimit: 0, holders: [] },
    'The work queue "etl" has no open slot of 0.',
  ],
  [
    { kind: 'queue-full', workQueueId: 'q', workQueueName: 'etl', concurrencyLimit: 1, holders: [holder] },
    'The work queue "etl" has no open slot of 1: held by "holder" (RUNNING since 2035-01-01T12:00:00.000Z).',
  ],
  [
    {
      kind: 'pool-full',
      workPoolId: 'p',
      workPoolName: 'pool',
      concurrencyLimit: 5,
      holders: Array.from({ length: 5 }, () => ({ ...holder, slotAcquiredAt: null })),
    },
    'The work pool "pool" has no open slot of 5: held by "holder" (RUNNING), "holder" (RUNNING), "holder" (RUNNING) and 2 more.',
  ],
  [
    { kind: 'behind', scope: 'pool', runs: 3, openSlots: 2, ahead: [ahead] },
    'It is behind 3 runs in its pool (3 of "urgent", priority 1), and the next poll hands out 2.',
  ],
  [
    { kind: 'behind', scope: 'queue', runs: 1, openSlots: 0, ahead: [] },
    'It is behind 1 run in its queue, and the next poll hands out 0.',
  ],
  [{ kind: 'nothing-due', nextStartTime: null }, 'No run is due, and none is scheduled to become due.'],
  [{ kind: 'nothing-due', nextStartTime: now }, 'No run is due before 2035-01-01T12:00:00.000Z.'],
  [
    { kind: 'not-polled', workQueueId: 'q', workQueueName: 'etl', lastPolled: null },
    'The work queue "etl" was never polled.',
  ],
  [
    { kind: 'not-polled', workQueueId: 'q', workQueueName: 'etl', lastPolled: now },
    'The work queue "etl" was last polled at 2035-01-01T12:00:00.000Z.',
  ],
  [{ kind: 'no-worker', workPoolId: 'p', workPoolName: 'pool' }, 'The work pool "pool" has no worker online.'],
  [{ kind: 'handed-out' }, 'The next poll hands it out.'],
] as const)('the reason %j is a sentence', (facts, sentence) => {
  expect(toReason(facts)).toEqual({ ...facts, sentence })
})
