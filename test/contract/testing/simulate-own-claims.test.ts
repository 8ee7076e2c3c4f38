import { CamelCasePlugin, type Kysely, sql } from 'kysely'
import { claimScheduledFlowRuns, readFlowRuns, setFlowRunState, type WorkQueueTables } from 'kysely-work-queues'
import {
  createTestSession,
  makeWorkPool,
  makeWorkQueue,
  type SimulatedClaim,
  type SimulatedClaimRequest,
  simulatePolling,
} from 'kysely-work-queues/testing'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { at, etl, start, told } from './simulations.js'

/** A host that hands out whatever is due, newest first, and knows no limits. */
const newestFirst: SimulatedClaim<WorkQueueTables> = async (session, { now, limit = 10 }) => {
  const runs = await readFlowRuns(session, { filter: { stateType: { any: ['SCHEDULED'] } } })
  const due = runs.filter(({ nextScheduledStartTime }) => +(nextScheduledStartTime ?? 0) <= +now)
  const taken = due.toReversed().slice(0, limit)
  for (const { id } of taken) await setFlowRunState(session, id, { type: 'PENDING' }, { now })
  return taken.map(({ id }) => id)
}

describeOnDatabases('simulatePolling with a claim of the host', (t) => {
  const runs = [{ queue: 'nightly', count: 3, durationSeconds: 15 }]

  test('hands out what that claims, in its order, and sees where it exceeds a limit', async () => {
    const { handOuts, overshoots } = await simulatePolling({
      ...etl,
      session: t.db,
      queues: [{ name: 'nightly', concurrencyLimit: 1 }],
      pollers: [{ firstPollSeconds: 0, startLatencySeconds: 0, capacity: 2 }],
      runs,
      claim: newestFirst,
    })
    expect(told(handOuts)).toEqual([
      '0 poller-1 nightly-3 started',
      '0 poller-1 nightly-2 started',
      '20 poller-1 nightly-1 started',
    ])
    expect(overshoots).toMatchObject([{ at: start, kind: 'queue', limit: 1, active: 2, run: 'nightly-2' }])
  })

  test.each([
    ['in the transaction of the host', true],
    ['in its session', false],
  ])('claims %s, with its plugins', async (_, isTransaction) => {
    const simulate = async (session: Kysely<WorkQueueTables>): Promise<void> => {
      const names: string[][] = []
      const { handOuts } = await simulatePolling({
        ...etl,
        session: session.withPlugin(new CamelCasePlugin()),
        runs,
        claim: async (given, { now, limit, workPoolIds }) => {
          expect(given.isTransaction).toBe(isTransaction)
          const { rows } = await sql<object>`select 1 as is_due`.execute(given)
          names.push(Object.keys(rows[0]!))
          const claimed = await claimScheduledFlowRuns(given, { workPoolIds, limit, now })
          return claimed.map(({ flowRun }) => flowRun.id.toUpperCase())
        },
      })
      expect(names[0]).toEqual(['isDue'])
      expect(handOuts).toHaveLength(3)
    }
    await (isTransaction ? t.db.transaction().execute(simulate) : simulate(t.db))
  })

  test('calls by the library’s own claim give the same history as without', async () => {
    const options = { ...etl, runs, pollers: [{ count: 2, limit: 1 }], seed: 3 }
    const plain = await simulatePolling(options)
    const own = await simulatePolling({
      ...options,
      session: t.db,
      claim: async (session, { workPoolIds, limit, now }) => {
        const claimed = await claimScheduledFlowRuns(session, { workPoolIds, limit, now })
        return claimed.map(({ flowRun }) => flowRun.id)
      },
    })
    expect(own).toEqual(plain)
  })
})

test('what is given twice is a duplicate, and is not started again', async () => {
  const forgets: SimulatedClaim<WorkQueueTables> = async (session) => (await readFlowRuns(session)).map(({ id }) => id)
  const { handOuts } = await simulatePolling({
    ...etl,
    runs: [
      { queue: 'nightly', durationSeconds: 5 },
      { queue: 'nightly', name: 'long', durationSeconds: 15 },
    ],
    claim: forgets,
  })
  expect(told(handOuts)).toEqual([
    '0 poller-1 nightly-1 started',
    '0 poller-1 long-1 started',
    '10 poller-1 nightly-1 duplicate',
    '10 poller-1 long-1 duplicate',
  ])
})

test('is told who asks for what, at which time', async () => {
  const asked: SimulatedClaimRequest[] = []
  await using session = await createTestSession()
  const pool = await makeWorkPool(session, { name: 'etl' })
  const queue = await makeWorkQueue(session, { name: 'nightly', workPoolId: pool.id })
  await simulatePolling({
    session,
    runs: [{ queue: 'nightly', startSeconds: 1000 }],
    pollers: [
      { firstPollSeconds: 1, everySeconds: 1000, limit: 7, capacity: 3 },
      { firstPollSeconds: 2, everySeconds: 1000, pool: 'etl' },
      { firstPollSeconds: 3, everySeconds: 1000, queue: 'nightly', name: 'agent' },
    ],
    claim: async (_, request) => {
      asked.push(request)
      return []
    },
    endSeconds: 10,
  })
  const none = { workQueueId: undefined, workPoolIds: undefined, limit: undefined }
  expect(asked).toEqual([
    { ...none, poller: 'poller-1', limit: 3, now: at(1) },
    { ...none, poller: 'poller-2', workPoolIds: [pool.id], now: at(2) },
    { ...none, poller: 'agent-1', workQueueId: queue.id, now: at(3) },
  ])
})

test.each<[string, unknown, string]>([
  ['no list', 'all', 'claim'],
  ['no ids', [7], 'claim.0'],
  ['an id of no flow run', ['00000000-0000-4000-8000-000000000000'], 'claim'],
])('%s from a claim is refused', async (_, returned, path) => {
  const claim = async () => returned as string[]
  await expect(simulatePolling({ ...etl, runs: [{ queue: 'nightly' }], claim })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    issues: [{ path }],
  })
})

test('an error of a claim is that of the simulation', async () => {
  const claim: SimulatedClaim<WorkQueueTables> = async (session: Kysely<WorkQueueTables>) => {
    await sql`select * from nowhere`.execute(session)
    return []
  }
  await expect(simulatePolling({ ...etl, runs: [{ queue: 'nightly' }], claim })).rejects.toThrow('nowhere')
})
