import fc from 'fast-check'
import { type PollingHistory, simulatePolling, type SimulatePollingOptions } from 'kysely-work-queues/testing'
import { describe, expect, test } from 'vitest'

/** Random pools, queues, runs, pollers and changes of limits. */
const random: fc.Arbitrary<SimulatePollingOptions> = fc.record({
  seed: fc.nat(),
  pools: fc
    .record({ name: fc.constant('etl'), concurrencyLimit: fc.option(fc.integer({ min: 0, max: 4 })) })
    .map((pool) => [pool]),
  queues: fc
    .tuple(fc.option(fc.integer({ min: 0, max: 3 })), fc.option(fc.integer({ min: 0, max: 3 })))
    .map(([a, b]) => [
      { name: 'a', concurrencyLimit: a },
      { name: 'b', concurrencyLimit: b },
    ]),
  runs: fc.constant([
    { queue: 'a', count: 12, startSeconds: [0, 200], durationSeconds: [1, 60] },
    { queue: 'b', count: 12, startSeconds: [0, 200], durationSeconds: [1, 60], failProbability: 0.3, retries: 1 },
  ] satisfies SimulatePollingOptions['runs']),
  pollers: fc.array(
    fc.record({
      queue: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
      count: fc.integer({ min: 1, max: 3 }),
      everySeconds: fc.constantFrom(5, 10, [5, 15] as const),
      firstPollSeconds: fc.constantFrom(undefined, 0),
      limit: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
      capacity: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
      startLatencySeconds: fc.constantFrom(0, 1, [0, 10] as const),
      crashProbability: fc.constantFrom(0, 0.2),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  events: fc.array(
    fc.record({
      atSeconds: fc.integer({ min: 1, max: 300 }),
      queue: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
      pool: fc.constant('etl'),
      concurrencyLimit: fc.option(fc.integer({ min: 0, max: 4 })),
    }),
    { maxLength: 4 },
  ),
  staleAfterSeconds: fc.constantFrom(5, 30),
  endSeconds: fc.constant(500),
})

/** Where a slot was taken that was not there, seen from the slots alone. */
function takenOverLimit({ slots }: PollingHistory): object[] {
  const before = new Map<string, number>()
  return slots.filter(({ kind, queue, limit, active }) => {
    const owner = `${kind} ${queue}`
    const isTaken = active > (before.get(owner) ?? 0)
    before.set(owner, active)
    return isTaken && limit !== null && active > limit
  })
}

/** The runs of which one attempt was started more than once. */
function startedTwice({ handOuts }: PollingHistory): string[] {
  const started = handOuts
    .filter(({ startedAt }) => startedAt !== null)
    .map(({ run, attempt }) => `${run}, attempt ${attempt}`)
  return started.filter((run, index) => started.indexOf(run) !== index)
}

describe('claims', () => {
  test('never exceed a limit and never give a run to two pollers, whatever happens', { timeout: 120_000 }, async () => {
    let handedOut = 0
    await fc.assert(
      fc.asyncProperty(random, async (options) => {
        const history = await simulatePolling({ ...options, by: 'claim' })
        expect(history.overshoots).toEqual([])
        expect(takenOverLimit(history)).toEqual([])
        expect(startedTwice(history)).toEqual([])
        handedOut += history.handOuts.length
      }),
      { numRuns: 40 },
    )
    expect(handedOut).toBeGreaterThan(200)
  })
})

describe('polls, as in Prefect,', () => {
  // Two workers poll at the same time. The transaction of the first holds its run, and the second passes over to the next one: it too
  // sees the free slot (PrefectHQ/prefect#14869).
  const freedSlot = {
    pools: [{ name: 'etl' }],
    queues: [{ name: 'nightly', concurrencyLimit: 1 }],
    runs: [
      { queue: 'nightly', name: 'long', durationSeconds: 25 },
      { queue: 'nightly', name: 'late', count: 2, startSeconds: 1, durationSeconds: 60 },
    ],
    pollers: [{ count: 2, everySeconds: 10, firstPollSeconds: 0, startLatencySeconds: 1 }],
    pollSeconds: 0.05,
    seed: 14869,
  } satisfies SimulatePollingOptions

  test('start two late runs at once when the one slot is freed', async () => {
    const history = await simulatePolling({ ...freedSlot, by: 'poll' })
    expect(history.overshoots).toEqual([
      {
        at: new Date('2026-01-01T00:00:31.000Z'),
        kind: 'queue',
        queue: 'nightly',
        pool: 'etl',
        limit: 1,
        active: 2,
        run: 'late-2',
        poller: 'poller-2',
      },
    ])
    expect(takenOverLimit(history)).toHaveLength(1)
    expect(startedTwice(history)).toEqual([])
    expect((await simulatePolling({ ...freedSlot, by: 'claim' })).overshoots).toEqual([])
  })

  test('start nine runs at once with a limit of two', async () => {
    // PrefectHQ/prefect#10771.
    const options = {
      pools: [{ name: 'etl', concurrencyLimit: 2 }],
      queues: [{ name: 'nightly' }],
      runs: [{ queue: 'nightly', count: 9 }],
      pollers: [{ count: 5, firstPollSeconds: 0 }],
      pollSeconds: 0.05,
    } satisfies SimulatePollingOptions
    const { overshoots } = await simulatePolling({ ...options, by: 'poll' })
    expect(overshoots.map(({ kind, limit, active }) => [kind, limit, active])).toEqual(
      [3, 4, 5, 6, 7, 8, 9].map((active) => ['pool', 2, active]),
    )
    expect((await simulatePolling({ ...options, by: 'claim' })).overshoots).toEqual([])
  })

  test('exceed a pool’s limit without any lock, when a more urgent run comes between a poll and its start', async () => {
    const options = {
      pools: [{ name: 'etl', concurrencyLimit: 1 }],
      queues: [{ name: 'urgent', priority: 1 }, { name: 'nightly' }],
      runs: [
        { queue: 'nightly', count: 20, startSeconds: [0, 600], durationSeconds: [5, 30] },
        { queue: 'urgent', count: 20, startSeconds: [0, 600], durationSeconds: [5, 30] },
      ],
      pollers: [{ count: 3, everySeconds: 10, startLatencySeconds: [0, 5] }],
    } satisfies SimulatePollingOptions
    const exceeded: number[] = []
    for (const seed of [5, 6, 7, 8]) {
      if ((await simulatePolling({ ...options, by: 'poll', seed })).overshoots.length > 0) exceeded.push(seed)
      expect((await simulatePolling({ ...options, by: 'claim', seed })).overshoots).toEqual([])
    }
    expect(exceeded).toEqual([7, 8])
  })

  test('exceed a pool’s limit when queues are polled by themselves, which looks at the queue’s limit only', async () => {
    const options = {
      pools: [{ name: 'etl', concurrencyLimit: 1 }],
      queues: [{ name: 'a' }, { name: 'b' }],
      runs: [{ queue: 'a' }, { queue: 'b' }],
      pollers: [{ queue: 'a' }, { queue: 'b' }],
    } satisfies SimulatePollingOptions
    expect((await simulatePolling({ ...options, by: 'poll' })).overshoots).toMatchObject([{ kind: 'pool', active: 2 }])
    expect((await simulatePolling({ ...options, by: 'claim' })).overshoots).toEqual([])
  })
})
