import { addMilliseconds } from 'date-fns'
import { describe, expect, test } from 'vitest'
import {
  type ExplainedFlowRun,
  fullness,
  type FlowRunVerdict,
  judgeFlowRun,
  type PlaceFacts,
  type PoolFacts,
  type QueueFacts,
  warningsOf,
} from '../../src/rules/judge-flow-run.js'
import type { ExplainedBy } from '../../src/rules/reasons.js'

const now = new Date('2035-01-01T12:00:00Z')

const run: ExplainedFlowRun = {
  stateType: 'SCHEDULED',
  stateName: 'Scheduled',
  nextScheduledStartTime: now,
  isDue: true,
  workQueueName: 'nightly',
  isRetriedInProcess: false,
}
const queue: QueueFacts = {
  id: 'q',
  name: 'nightly',
  priority: 2,
  isPaused: false,
  lastPolled: now,
  concurrencyLimit: null,
  openSlots: Infinity,
  holders: [],
}
const pool: PoolFacts = {
  id: 'p',
  name: 'etl',
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
const full = { concurrencyLimit: 1, openSlots: 0 }
const ahead = [
  { workQueueId: 'u', workQueueName: 'urgent', priority: 1, runs: 2 },
  { workQueueId: 'q', workQueueName: 'nightly', priority: 2, runs: 1 },
]

function judge(
  changes: { run?: object; place?: object; queue?: object; pool?: object },
  by: ExplainedBy = 'poll',
): FlowRunVerdict {
  return judgeFlowRun(
    { ...run, ...changes.run },
    { ...place, ...changes.place, queue: { ...queue, ...changes.queue }, pool: { ...pool, ...changes.pool } },
    now,
    by,
  )
}

function kinds(reasons: readonly { readonly kind: string }[]): string[] {
  return reasons.map(({ kind }) => kind)
}

describe('judgeFlowRun', () => {
  test('hands out a run that nothing keeps', () => {
    expect(judge({})).toEqual({
      handedOut: true,
      reasons: [{ kind: 'handed-out', sentence: 'The next poll hands it out.' }],
    })
  })

  test.each<[string, Parameters<typeof judge>[0], string[]]>([
    ['another state', { run: { stateType: 'PENDING' } }, ['not-scheduled']],
    ['no state', { run: { stateType: null } }, ['not-scheduled']],
    ['a start time to come', { run: { isDue: false } }, ['not-due']],
    ['a filter', { place: { isMember: false } }, ['not-in-filter']],
    ['a retry in its process', { run: { isRetriedInProcess: true } }, ['retried-in-process']],
    ['a paused queue', { queue: { isPaused: true } }, ['queue-paused']],
    ['a paused pool', { pool: { isPaused: true } }, ['pool-paused']],
    ['a full queue', { queue: full }, ['queue-full']],
    ['a full pool', { pool: full }, ['pool-full']],
    [
      'runs before it in its queue',
      { place: { aheadInQueue: 1 }, queue: { concurrencyLimit: 1, openSlots: 1 } },
      ['behind'],
    ],
    [
      'runs before it in its pool',
      { place: { aheadInPool: ahead }, pool: { concurrencyLimit: 3, openSlots: 3 } },
      ['behind'],
    ],
    [
      'a single run before it in its pool',
      { place: { aheadInPool: ahead.slice(1) }, pool: { concurrencyLimit: 1, openSlots: 1 } },
      ['behind'],
    ],
    ['more runs than a poll returns', { place: { aheadInPool: ahead, poolPollLimit: 3 } }, ['behind']],
  ])('%s keeps a run', (_, changes, expected) => {
    const { handedOut, reasons } = judge(changes)
    expect(handedOut).toBe(false)
    expect(kinds(reasons)).toEqual(expected)
  })

  test.each<[string, Parameters<typeof judge>[0]]>([
    [
      'runs before it in its queue, when there are more slots',
      { place: { aheadInQueue: 1 }, queue: { concurrencyLimit: 2, openSlots: 2 } },
    ],
    [
      'runs before it in its pool, when there are more slots',
      { place: { aheadInPool: ahead }, pool: { concurrencyLimit: 4, openSlots: 4 } },
    ],
    ['runs before it in its pool, when a poll returns more', { place: { aheadInPool: ahead, poolPollLimit: 4 } }],
  ])('%s do not keep a run', (_, changes) => {
    expect(judge(changes).handedOut).toBe(true)
  })

  test('a pool does not keep a run that is polled by its queue’s name alone', () => {
    const verdict = judge({
      place: { isPolledByPool: false, aheadInPool: undefined },
      pool: { isPaused: true, ...full },
      run: { isRetriedInProcess: true },
    })
    expect(verdict.handedOut).toBe(true)
  })

  test('a claim of its queue keeps the pause and the limit of the pool, whoever the run is known by', () => {
    const byName = { isPolledByPool: false, aheadInPool: undefined }
    const closed = judge({ place: byName, pool: { isPaused: true, ...full } }, 'claim')
    expect(kinds(closed.reasons)).toEqual(['pool-paused', 'pool-full'])
    expect(judge({ place: byName, run: { isRetriedInProcess: true } }, 'claim').handedOut).toBe(true)
  })

  test('a claim of its queue takes no more than the pool has open slots', () => {
    const changes = { place: { aheadInQueue: 2, isPolledByPool: false, aheadInPool: undefined } }
    const [two, three] = [2, 3].map((openSlots) => ({ ...changes, pool: { concurrencyLimit: 5, openSlots } }))
    expect(judge(two ?? {}, 'claim').reasons).toMatchObject([{ kind: 'behind', scope: 'queue', runs: 2, openSlots: 2 }])
    expect(judge(three ?? {}, 'claim').handedOut).toBe(true)
    expect(judge(two ?? {}, 'poll').handedOut).toBe(true)
    const narrow = { ...three, queue: { concurrencyLimit: 9, openSlots: 1 } }
    expect(judge(narrow, 'claim').reasons).toMatchObject([{ kind: 'behind', openSlots: 1 }])
  })

  test('sentences say whose answer it is', () => {
    expect(judge({}, 'claim').reasons).toEqual([{ kind: 'handed-out', sentence: 'The next claim hands it out.' }])
    const behind = { place: { aheadInQueue: 1 }, queue: { concurrencyLimit: 1, openSlots: 1 } }
    expect(judge(behind, 'claim').reasons[0]?.sentence).toContain('and the next claim hands out 1.')
    const never = { run: { isDue: false, nextScheduledStartTime: null } }
    expect(judge(never, 'claim').reasons[0]?.sentence).toContain('claims for due runs leave it out')
    expect(judge({ run: { isRetriedInProcess: true } }, 'claim').reasons[0]?.sentence).toContain(
      'claims of its work pool',
    )
  })

  test('a run without a queue has no other reasons of a place', () => {
    const { handedOut, reasons } = judgeFlowRun({ ...run, stateType: 'RUNNING', isDue: false }, undefined, now, 'poll')
    expect(handedOut).toBe(false)
    expect(kinds(reasons)).toEqual(['not-scheduled', 'no-queue', 'not-due'])
  })

  test('gives the facts of what is before a run', () => {
    expect(judge({ place: { aheadInQueue: 3 }, queue: { concurrencyLimit: 5, openSlots: 2 } }).reasons).toMatchObject([
      {
        kind: 'behind',
        scope: 'queue',
        runs: 3,
        openSlots: 2,
        ahead: [{ workQueueId: 'q', workQueueName: 'nightly', priority: 2, runs: 3 }],
      },
    ])
    expect(judge({ place: { aheadInPool: ahead }, pool: { concurrencyLimit: 5, openSlots: 2 } }).reasons).toMatchObject(
      [{ kind: 'behind', scope: 'pool', runs: 3, openSlots: 2, ahead }],
    )
  })

  test('gives every reason, and then what keeps runs waiting that polls would hand out', () => {
    const { reasons } = judge({
      run: { stateType: 'PAUSED', isDue: false, isRetriedInProcess: true },
      place: { isMember: false, aheadInQueue: 1, aheadInPool: ahead },
      queue: { isPaused: true, lastPolled: null, ...full },
      pool: { isPaused: true, hasOnlineWorker: false, ...full },
    })
    expect(kinds(reasons)).toEqual([
      'not-scheduled',
      'not-due',
      'not-in-filter',
      'retried-in-process',
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

  test('a queue that is full to polls of its pool alone is full, unless there is another reason', () => {
    const passedOver = { isPassedOverInPool: true, aheadInPool: undefined }
    const open = { concurrencyLimit: 1, openSlots: 1 }
    expect(kinds(judge({ place: passedOver, queue: open }).reasons)).toEqual(['queue-full'])
    expect(kinds(judge({ place: { ...passedOver, isMember: false }, queue: open }).reasons)).toEqual(['not-in-filter'])
    expect(kinds(judge({ place: { ...passedOver, aheadInQueue: 1 }, queue: open }).reasons)).toEqual(['behind'])
    expect(kinds(judge({ place: passedOver }).reasons)).toEqual(['handed-out'])
  })

  test('warns of a run that is handed out', () => {
    const { handedOut, reasons } = judge({ queue: { lastPolled: null }, pool: { hasOnlineWorker: false } })
    expect(handedOut).toBe(true)
    expect(kinds(reasons)).toEqual(['not-polled', 'no-worker', 'handed-out'])
  })
})

describe('fullness', () => {
  test('is of what has a limit and no open slot', () => {
    expect(kinds(fullness(queue, pool))).toEqual([])
    expect(kinds(fullness({ ...queue, ...full }, { ...pool, ...full }))).toEqual(['queue-full', 'pool-full'])
    expect(kinds(fullness({ ...queue, ...full, openSlots: 1 }, { ...pool, ...full }))).toEqual(['pool-full'])
    expect(kinds(fullness({ ...queue, ...full }, undefined))).toEqual(['queue-full'])
    expect(kinds(fullness({ ...queue, openSlots: 0 }, { ...pool, openSlots: 0 }))).toEqual([])
  })
})

describe('warningsOf', () => {
  test('a queue that was polled 60.000 s ago is polled', () => {
    const polled = (milliseconds: number): string[] =>
      kinds(warningsOf({ ...queue, lastPolled: addMilliseconds(now, -milliseconds) }, pool, now))
    expect(polled(60_000)).toEqual([])
    expect(polled(60_001)).toEqual(['not-polled'])
  })

  test('a pool for agents needs no worker', () => {
    const warned = (type: string): string[] => kinds(warningsOf(queue, { ...pool, type, hasOnlineWorker: false }, now))
    expect(warned('process')).toEqual(['no-worker'])
    expect(warned('prefect-agent')).toEqual([])
  })
})
