import { simulatePolling, type SimulatePollingOptions } from 'kysely-work-queues/testing'
import { expect, test } from 'vitest'

const valid = { queues: [{ name: 'a' }], runs: [{ queue: 'a' }], pollers: [{}] } satisfies SimulatePollingOptions

test.each<[string, object]>([
  ['pollers', { pollers: undefined }],
  ['more', { more: 1 }],
  ['session', { session: 7 }],
  ['session', { session: null }],
  ['seed', { seed: 0.5 }],
  ['by', { by: 'both' }],
  ['start', { start: new Date(NaN) }],
  ['endSeconds', { endSeconds: -1 }],
  ['endSeconds', { endSeconds: Infinity }],
  ['lateAfterSeconds', { lateAfterSeconds: '15' }],
  ['staleAfterSeconds', { staleAfterSeconds: null }],
  ['pollSeconds', { pollSeconds: -1 }],
  ['pools.0.name', { pools: [{ name: ' ' }] }],
  ['pools.0.concurrencyLimit', { pools: [{ name: 'a', concurrencyLimit: -1 }] }],
  ['queues.0.priority', { queues: [{ name: 'a', priority: 0 }] }],
  ['queues.0.isPaused', { queues: [{ name: 'a', isPaused: null }] }],
  ['runs.0.count', { runs: [{ queue: 'a', count: 1.5 }] }],
  ['runs.0.startSeconds', { runs: [{ queue: 'a', startSeconds: [2, 1] }] }],
  ['runs.0.startSeconds', { runs: [{ queue: 'a', startSeconds: [1] }] }],
  ['runs.0.durationSeconds', { runs: [{ queue: 'a', durationSeconds: -1 }] }],
  ['runs.0.at', { runs: [{ queue: 'a', at: 1 }] }],
  ['pollers.0.everySeconds', { pollers: [{ everySeconds: 0 }] }],
  ['pollers.0.everySeconds.0', { pollers: [{ everySeconds: [0, 1] }] }],
  ['pollers.0.crashProbability', { pollers: [{ crashProbability: 1.1 }] }],
  ['pollers.0.limit', { pollers: [{ limit: -1 }] }],
  ['pollers.0.capacity', { pollers: [{ capacity: 0.5 }] }],
  ['runs.0.failProbability', { runs: [{ queue: 'a', failProbability: -0.1 }] }],
  ['runs.0.retries', { runs: [{ queue: 'a', retries: -1 }] }],
  ['runs.0.retryDelaySeconds', { runs: [{ queue: 'a', retryDelaySeconds: [2, 1] }] }],
  ['claim', { claim: 'mine' }],
  ['claim', { by: 'poll', claim: async () => [] }],
  ['seeds', { seeds: 2 }],
  ['pollers.0.deathProbability', { pollers: [{ deathProbability: 2 }] }],
  ['pollers.0.stallProbability', { pollers: [{ stallProbability: -1 }] }],
  ['pollers.0.stallSeconds', { pollers: [{ stallSeconds: [2, 1] }] }],
  ['pollers.0.renewalFailSeconds', { leases: {}, pollers: [{ renewalFailSeconds: -1 }] }],
  ['leases', { pollers: [{ renewalFailProbability: 0.1 }] }],
  ['leases', { by: 'poll', leases: {} }],
  ['leases', { leases: true }],
  ['leases.leaseSeconds', { leases: { leaseSeconds: 0.5 } }],
  ['leases.renewSeconds', { leases: { renewSeconds: 0 } }],
  ['leases.sweepSeconds', { leases: { sweepSeconds: 0 } }],
  ['leases.runningTo', { leases: { runningTo: 'FAILED' } }],
  ['leases.maxReleases', { leases: { maxReleases: -1 } }],
  ['leases.fence', { leases: { fence: null } }],
  ['events.0', { events: [{ atSeconds: 1, isPaused: true }] }],
  ['events.0.priority', { events: [{ atSeconds: 1, pool: 'a', priority: 1 }] }],
  ['events.0.atSeconds', { events: [{ queue: 'a' }] }],
])('refuses %s of %j', async (path, options) => {
  await expect(simulatePolling({ ...valid, ...options })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    issues: [{ path }],
  })
})

test.each<[string, string, object]>([
  ['runs.0.queue', 'is not there', { runs: [{ queue: 'b' }] }],
  ['runs.0.pool', 'is not there', { runs: [{ queue: 'a', pool: 'b' }] }],
  ['pollers.0.queue', 'is not there', { pollers: [{ queue: 'b' }] }],
  ['pollers.0.pool', 'is not there', { pollers: [{ pool: 'b' }] }],
  ['events.0.queue', 'is not there', { events: [{ atSeconds: 0, queue: 'b' }] }],
  ['events.0.pool', 'is not there', { events: [{ atSeconds: 0, pool: 'b' }] }],
  ['queues.0.pool', 'is not there', { queues: [{ name: 'a', pool: 'b' }] }],
  ['queues.0.pool', 'is needed where pools are several', { pools: [{ name: 'p' }, { name: 'q' }] }],
  [
    'runs.0.pool',
    'is needed where queues of several pools have the name',
    {
      pools: [{ name: 'p' }, { name: 'q' }],
      queues: [
        { name: 'a', pool: 'p' },
        { name: 'a', pool: 'q' },
      ],
    },
  ],
])('%s %s', async (path, message, options) => {
  await expect(simulatePolling({ ...valid, ...options })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    issues: [{ path, message }],
  })
})
