import { describe, expect, test } from 'vitest'
import { type HolderFacts, type ReasonFacts, toReason } from '../../src/rules/reasons.js'

const time = new Date('2035-01-01T12:00:00.123Z')
const queue = { workQueueId: 'q', workQueueName: 'nightly' }
const pool = { workPoolId: 'p', workPoolName: 'etl' }

function holders(count: number): HolderFacts[] {
  return Array.from({ length: count }, (_, index) => ({
    flowRunId: `id-${index}`,
    name: `run-${index}`,
    stateType: 'RUNNING',
    slotAcquiredAt: index === 1 ? null : time,
  }))
}

function ahead(...runs: number[]): Extract<ReasonFacts, { kind: 'behind' }>['ahead'] {
  return runs.map((count, index) => ({
    workQueueId: `q-${index}`,
    workQueueName: `queue-${index}`,
    priority: index + 1,
    runs: count,
  }))
}

describe('the sentence of a reason', () => {
  test.each<[ReasonFacts, string]>([
    [
      { kind: 'not-scheduled', stateType: 'PENDING', stateName: 'Pending' },
      'It is PENDING, and only SCHEDULED runs are handed out.',
    ],
    [
      { kind: 'not-scheduled', stateType: null, stateName: null },
      'It has no state yet, and only SCHEDULED runs are handed out.',
    ],
    [
      { kind: 'leased', holder: 'w "1"', expiresAt: time },
      '"w \\"1\\"" holds it, by a lease until 2035-01-01T12:00:00.123Z.',
    ],
    [
      { kind: 'lease-expired', holder: 'w-1', expiresAt: time },
      'The lease of "w-1" expired at 2035-01-01T12:00:00.123Z: the next releaseExpiredLeases frees its slot, unless the holder renews it before.',
    ],
    [{ kind: 'no-queue', workQueueName: null }, 'It belongs to no work queue.'],
    [
      { kind: 'no-queue', workQueueName: 'a "b"' },
      'It belongs to the work queue "a \\"b\\"" of the work pool "default-agent-pool", which does not exist.',
    ],
    [{ kind: 'not-due', until: time }, 'It is not due until 2035-01-01T12:00:00.123Z.'],
    [{ kind: 'not-due', until: null }, 'It has no start time, and polls for due runs leave it out.'],
    [
      { kind: 'not-in-filter', ...queue },
      'The work queue "nightly" takes runs by tag and deployment, and it does not match.',
    ],
    [
      { kind: 'retried-in-process' },
      'It waits for a retry inside the process that ran it before, and polls of its work pool leave it out.',
    ],
    [{ kind: 'queue-paused', ...queue }, 'The work queue "nightly" is paused.'],
    [{ kind: 'pool-paused', ...pool }, 'The work pool "etl" is paused.'],
    [
      { kind: 'queue-full', ...queue, concurrencyLimit: 0, holders: [] },
      'The work queue "nightly" has no open slot of 0.',
    ],
    [
      {
        kind: 'queue-full',
        ...queue,
        concurrencyLimit: 1,
        holders: holders(1).map((holder) => ({ ...holder, lease: { holder: 'w-1', expiresAt: time } })),
      },
      'The work queue "nightly" has no open slot of 1: held by "run-0" (RUNNING since 2035-01-01T12:00:00.123Z, ' +
        'leased to "w-1" until 2035-01-01T12:00:00.123Z).',
    ],
    [
      { kind: 'queue-full', ...queue, concurrencyLimit: 2, holders: holders(2) },
      'The work queue "nightly" has no open slot of 2: held by "run-0" (RUNNING since 2035-01-01T12:00:00.123Z), ' +
        '"run-1" (RUNNING).',
    ],
    [
      { kind: 'pool-full', ...pool, concurrencyLimit: 5, holders: holders(5) },
      'The work pool "etl" has no open slot of 5: held by "run-0" (RUNNING since 2035-01-01T12:00:00.123Z), ' +
        '"run-1" (RUNNING), "run-2" (RUNNING since 2035-01-01T12:00:00.123Z) and 2 more.',
    ],
    [
      { kind: 'pool-full', ...pool, concurrencyLimit: 4, holders: holders(4) },
      'The work pool "etl" has no open slot of 4: held by "run-0" (RUNNING since 2035-01-01T12:00:00.123Z), ' +
        '"run-1" (RUNNING), "run-2" (RUNNING since 2035-01-01T12:00:00.123Z) and 1 more.',
    ],
    [
      { kind: 'behind', scope: 'queue', runs: 1, openSlots: 1, ahead: ahead(1) },
      'It is behind 1 run in its queue (1 of "queue-0", priority 1), and the next poll hands out 1.',
    ],
    [
      { kind: 'behind', scope: 'pool', runs: 3, openSlots: 2, ahead: ahead(2, 1) },
      'It is behind 3 runs in its pool (2 of "queue-0", priority 1; 1 of "queue-1", priority 2), ' +
        'and the next poll hands out 2.',
    ],
    [
      { kind: 'behind', scope: 'pool', runs: 2, openSlots: 0, ahead: [] },
      'It is behind 2 runs in its pool, and the next poll hands out 0.',
    ],
    [{ kind: 'nothing-due', nextStartTime: time }, 'No run is due before 2035-01-01T12:00:00.123Z.'],
    [{ kind: 'nothing-due', nextStartTime: null }, 'No run is due, and none is scheduled to become due.'],
    [
      { kind: 'not-polled', ...queue, lastPolled: time },
      'The work queue "nightly" was last polled at 2035-01-01T12:00:00.123Z.',
    ],
    [{ kind: 'not-polled', ...queue, lastPolled: null }, 'The work queue "nightly" was never polled.'],
    [{ kind: 'no-worker', ...pool }, 'The work pool "etl" has no worker online.'],
    [{ kind: 'handed-out' }, 'The next poll hands it out.'],
  ])('of %j', (facts, sentence) => {
    expect(toReason(facts, 'poll')).toEqual({ ...facts, sentence })
    const ofClaims = sentence.replace(/polls|poll(?=\b)/g, (word) => word.replace('poll', 'claim'))
    expect(toReason(facts, 'claim')).toEqual({ ...facts, sentence: ofClaims })
  })
})
