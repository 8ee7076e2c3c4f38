import type { Kysely } from 'kysely'
import { readFlowRuns, readWorkQueueByName, type WorkQueueTables } from 'kysely-work-queues'
import {
  createTestSession,
  makeFlowRun,
  makeWorkPool,
  makeWorkQueue,
  simulatePolling,
} from 'kysely-work-queues/testing'
import { expect, test } from 'vitest'
import { databases } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { at, etl, mixed, told } from './simulations.js'

test('simulates in the caller’s session with what that has, and leaves it as it ends', async () => {
  await using session = await createTestSession()
  const pool = await makeWorkPool(session, { name: 'default-agent-pool', concurrencyLimit: 9 })
  const queue = await makeWorkQueue(session, { name: 'nightly', workPoolId: pool.id, concurrencyLimit: 1 })
  await makeFlowRun(session, { name: 'holder', workQueueId: queue.id, stateType: 'RUNNING' }, { now: at(-60) })
  await makeFlowRun(session, { name: 'theirs', workQueueId: queue.id }, { now: at(-60) })
  await makeFlowRun(session, { name: 'by-name', workQueueId: null, workQueueName: 'nightly' }, { now: at(-30) })
  await makeFlowRun(session, { name: 'of-none', workQueueId: null }, { now: at(-30) })
  const { handOuts, slots, overshoots, late, neverStarted } = await simulatePolling({
    session,
    pools: [{ name: 'default-agent-pool', concurrencyLimit: 3 }],
    queues: [{ name: 'nightly', concurrencyLimit: 2 }],
    runs: [{ queue: 'nightly', durationSeconds: 5 }],
    pollers: [
      { firstPollSeconds: 0, startLatencySeconds: 0, queue: 'nightly' },
      { name: 'late', firstPollSeconds: 3000, pool: 'default-agent-pool' },
    ],
  })
  expect(told(handOuts)).toEqual([
    '0 poller-1 theirs started',
    '60 poller-1 by-name started',
    '120 poller-1 nightly-1 started',
  ])
  expect(slots.slice(0, 3).map(({ kind, limit, active }) => [kind, limit, active])).toEqual([
    ['pool', 3, 1],
    ['queue', null, 0],
    ['queue', 2, 1],
  ])
  expect(overshoots).toEqual([])
  expect(neverStarted).toEqual([])
  expect(late.map(({ run }) => run)).toEqual(['theirs', 'by-name', 'nightly-1'])

  const runs = await readFlowRuns(session)
  expect(runs.map(({ name, stateType, endTime }) => [name, stateType, endTime])).toEqual([
    ['holder', 'RUNNING', null],
    ['theirs', 'COMPLETED', at(60)],
    ['by-name', 'COMPLETED', at(120)],
    ['of-none', 'SCHEDULED', null],
    ['nightly-1', 'COMPLETED', at(125)],
  ])
  expect(await readWorkQueueByName(session, 'nightly', { workPoolName: 'default-agent-pool' })).toMatchObject({
    concurrencyLimit: 2,
  })
})

test('gives back stale claims that others have left in the session', async () => {
  await using session = await createTestSession()
  const pool = await makeWorkPool(session, { name: 'etl', concurrencyLimit: 1 })
  const lost = { workQueueId: pool.defaultQueueId, stateType: 'PENDING' } as const
  await makeFlowRun(session, { ...lost, name: 'stale' }, { now: at(-1000) })
  await makeFlowRun(session, { ...lost, name: 'fresh' }, { now: at(-5) })
  const { handOuts, slots } = await simulatePolling({
    session,
    pollers: [{ firstPollSeconds: 0, startLatencySeconds: 0, everySeconds: 10 }],
    staleAfterSeconds: 30,
  })
  expect(told(handOuts)).toEqual(['30 poller-1 stale started', '90 poller-1 fresh started'])
  const ofPool = slots.filter(({ kind }) => kind === 'pool').map(({ at: time, active }) => [+time - +at(0), active])
  expect(ofPool).toEqual([
    [0, 2],
    [1, 1],
    [25_001, 0],
    [30_000, 1],
    [90_000, 0],
    [90_000, 1],
    [150_000, 0],
  ])
})

test('simulates in the session of a host with more tables, and in a transaction, which can be undone', async () => {
  await using session = await createTestSession()
  const host = session as unknown as Kysely<WorkQueueTables & { invoice: { id: string } }>
  const options = { ...etl, runs: [{ queue: 'urgent' }] }
  const undone = host.transaction().execute(async (trx) => {
    expect(told((await simulatePolling({ ...options, session: trx })).handOuts)).toEqual([
      '0 poller-1 urgent-1 started',
    ])
    throw new Error('undo')
  })
  await expect(undone).rejects.toThrow('undo')
  expect(await readFlowRuns(host)).toEqual([])
  await simulatePolling({ ...options, session: host })
  expect(await readFlowRuns(host)).toHaveLength(1)
})

describeOnDatabases(
  'simulatePolling in a session',
  (t) => {
    test.each(['claim', 'poll'] as const)('has the same history on every database, by %s', async (by) => {
      const options = { ...mixed, by, pollSeconds: 2 }
      expect(await simulatePolling({ ...options, session: t.db })).toEqual(await simulatePolling(options))
    })
  },
  databases.filter(({ dialect, name }) => dialect === 'postgres' || name.includes('plugins')),
)
