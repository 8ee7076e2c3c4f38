import fc from 'fast-check'
import { readFlowRuns, readFlowRunStates } from 'kysely-work-queues'
import {
  createTestSession,
  type PollingHistory,
  simulatePolling,
  type SimulatePollingOptions,
  simulatePollings,
  summarizePolling,
} from 'kysely-work-queues/testing'
import { describe, expect, test } from 'vitest'
import { databases } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'

const limit = fc.option(fc.integer({ min: 1, max: 3 }))

/** Random leases and pollers that crash, die, stall and cannot renew; all that is left of them is taken up again. */
const random: fc.Arbitrary<SimulatePollingOptions> = fc.record({
  seed: fc.nat(),
  pools: limit.map((concurrencyLimit) => [{ name: 'etl', concurrencyLimit }]),
  queues: fc.tuple(limit, limit).map(([a, b]) => [
    { name: 'a', concurrencyLimit: a },
    { name: 'b', concurrencyLimit: b },
  ]),
  runs: fc.constant([
    { queue: 'a', count: 7, startSeconds: [0, 100], durationSeconds: [1, 60] },
    { queue: 'b', count: 7, startSeconds: [0, 100], durationSeconds: [1, 60], failProbability: 0.3, retries: 1 },
  ] satisfies SimulatePollingOptions['runs']),
  pollers: fc.array(
    fc.record({
      count: fc.integer({ min: 1, max: 2 }),
      everySeconds: fc.constantFrom(5, [5, 15] as const),
      capacity: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
      startLatencySeconds: fc.constantFrom(0, 1, [0, 30] as const),
      restartSeconds: fc.constantFrom(1, 60),
      crashProbability: fc.constantFrom(0, 0.2),
      deathProbability: fc.constantFrom(0, 0.2),
      stallProbability: fc.constantFrom(0, 0.3),
      stallSeconds: fc.constantFrom(5, 50, [0, 100] as const),
      renewalFailProbability: fc.constantFrom(0, 0.2),
      renewalFailSeconds: fc.constantFrom(0, 30),
    }),
    { minLength: 1, maxLength: 2 },
  ),
  leases: fc.record({
    leaseSeconds: fc.constantFrom(6, 20, 60),
    sweepSeconds: fc.constantFrom(1, 15, 0.7),
    runningTo: fc.constantFrom('CRASHED' as const, 'SCHEDULED' as const),
    maxReleases: fc.constantFrom(undefined, 2),
  }),
  endSeconds: fc.constant(50_000),
})

/** The runs that two hand-outs had RUNNING at a time, seen from the hand-outs alone. */
function overlapping({ handOuts }: PollingHistory): string[] {
  const started = handOuts.filter(({ startedAt }) => startedAt !== null)
  return started
    .filter((a, index) => started.some((b, other) => other > index && b.run === a.run && b.startedAt! < a.finishedAt!))
    .map(({ run }) => run)
}

/** What a run's history may be: nobody starts or ends what is another's, or nobody's. */
const LAWFUL =
  /^SCHEDULED( PENDING( RUNNING( FAILED)?)? SCHEDULED)* PENDING( RUNNING (COMPLETED|FAILED|CRASHED)| CRASHED)$/

describe('simulatePolling with leases, whatever befalls pollers,', () => {
  test('gives no run to two at once, and leaves no slot held', { timeout: 240_000 }, async () => {
    const seen = { deaths: 0, stalls: 0, failedRenewals: 0, released: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(random, async (options) => {
        await using session = await createTestSession()
        const history = await simulatePolling({ ...options, session })
        const { leases } = summarizePolling(history)
        expect(leases).toMatchObject({ doubles: 0, held: 0 })
        expect(history.overshoots).toEqual([])
        expect(overlapping(history)).toEqual([])
        // All was done before the end: nothing held a slot for ever.
        expect(+history.endedAt - +history.startedAt).toBeLessThan(50_000_000)
        const { leaseSeconds = 60, sweepSeconds = 15 } = options.leases!
        expect(leases.longestHeldSeconds ?? 0).toBeLessThanOrEqual(leaseSeconds + sweepSeconds)
        for (const { id } of await readFlowRuns(session)) {
          const states = await readFlowRunStates(session, id)
          expect(states.map(({ type }) => type).join(' ')).toMatch(LAWFUL)
        }
        for (const figure of Object.keys(seen) as (keyof typeof seen)[]) seen[figure] += leases[figure]
      }),
      { numRuns: 25 },
    )
    for (const [figure, count] of Object.entries(seen)) expect(count, figure).toBeGreaterThan(5)
  })

  test('without the fence it does neither', { timeout: 120_000 }, async () => {
    let [doubles, unlawful] = [0, 0]
    for (let seed = 1; seed <= 4; seed++) {
      await using session = await createTestSession()
      const { leases } = await simulatePolling({
        session,
        seed,
        pools: [{ name: 'etl' }],
        queues: [{ name: 'a' }],
        runs: [{ queue: 'a', count: 10, startSeconds: [0, 100], durationSeconds: [20, 60] }],
        pollers: [{ count: 3, everySeconds: 5, stallProbability: 0.3, stallSeconds: [20, 60] }],
        leases: { leaseSeconds: 10, sweepSeconds: 5, runningTo: 'SCHEDULED', fence: false },
      })
      doubles += leases.doubles.length
      for (const { id } of await readFlowRuns(session)) {
        const states = await readFlowRunStates(session, id)
        if (!LAWFUL.test(states.map(({ type }) => type).join(' '))) unlawful++
      }
    }
    expect(doubles).toBeGreaterThan(0)
    expect(unlawful).toBeGreaterThan(0)
  })
})

describeOnDatabases(
  'simulatePolling with leases in a session',
  (t) => {
    test('has the same history on every database', { timeout: 240_000 }, async () => {
      let released = 0
      await fc.assert(
        fc.asyncProperty(random, async ({ seed, ...options }) => {
          const { simulations } = await simulatePollings({ ...options, session: t.db, seeds: [seed ?? 1] })
          const history = await simulatePolling({ ...options, seed })
          expect(simulations[0]!.history).toEqual(history)
          released += history.leases.releases.length
        }),
        { numRuns: 4, seed: 20 },
      )
      expect(released).toBeGreaterThan(0)
    })
  },
  databases.filter(({ name }) => name === 'SQLite in memory' || name === 'PostgreSQL'),
)
