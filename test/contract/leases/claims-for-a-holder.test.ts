import { addSeconds } from 'date-fns'
import {
  claimRunsInWorkQueue,
  type ClaimRunsInWorkQueueOptions,
  claimScheduledFlowRuns,
  createFlowRuns,
  type FlowRun,
  InvalidInputError,
  readFlowRun,
  readLeases,
  releaseStaleClaims,
  setFlowRunState,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { allRows, type Row } from '../../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const at = (seconds: number): Date => addSeconds(now, seconds)

describeOnDatabases('a claim for a holder', (t) => {
  type Claim = (options: ClaimRunsInWorkQueueOptions) => Promise<FlowRun[]>

  /** Each way of claiming, with three runs to claim. */
  const ways: Record<string, () => Promise<Claim>> = {
    'of a queue': () => ofQueue({}),
    'of a queue with a limit': () => ofQueue({ concurrency_limit: 5 }),
    'of a queue with a tag filter': () => ofQueue({ filter: { tags: ['a'], deployment_ids: null } }),
    'of a queue of the default agent pool': async () => {
      const queue = await t.make.agentQueue({ name: 'etl' })
      await t.make.runs(Array.from({ length: 3 }, (_, n) => ({ work_queue_name: 'etl', ...due(n) })))
      return async (options) => (await claimRunsInWorkQueue(t.db, queue, options)).runs
    },
    'over pools': () => overPools({}),
    'over pools with a limit': () => overPools({ concurrency_limit: 5 }),
  }
  const due = (n: number): Row => ({ next_scheduled_start_time: at(-10 - n), state_timestamp: at(-20) })
  async function ofQueue(row: Row): Promise<Claim> {
    const queue = await t.make.queue(row)
    const deployment_id = await t.make.queue()
    await t.make.runs(
      Array.from({ length: 3 }, (_, n) => ({ work_queue_id: queue, deployment_id, tags: ['a'], ...due(n) })),
    )
    return async (options) => (await claimRunsInWorkQueue(t.db, queue, options)).runs
  }
  async function overPools(row: Row): Promise<Claim> {
    const work_pool_id = await t.make.pool(row)
    const queue = await t.make.queue({ work_pool_id })
    await t.make.runs(Array.from({ length: 3 }, (_, n) => ({ work_queue_id: queue, ...due(n) })))
    return async (options) =>
      (await claimScheduledFlowRuns(t.db, { ...options, workPoolIds: [work_pool_id] })).map(({ flowRun }) => flowRun)
  }
  const byId = (runs: readonly FlowRun[]): string[] => runs.map(({ id }) => id).toSorted()

  test.each(Object.keys(ways))('%s gives each run a lease, and each other claim gives none', async (way) => {
    const claim = await (ways[way] as () => Promise<Claim>)()
    const runs = await claim({ holder: 'w-1', limit: 2, now })
    expect(runs).toHaveLength(2)
    expect(await readLeases(t.db)).toEqual(
      byId(runs).map((flowRunId) => ({ flowRunId, holder: 'w-1', acquiredAt: now, expiresAt: at(60) })),
    )
    const others = await claim({ now: at(1) })
    expect(others).toHaveLength(1)
    expect(await readLeases(t.db)).toHaveLength(2)
    // The lease is of the claim's own state.
    const { flow_run_lease: leases = [] } = await allRows(t.database)
    const stateIds = new Map(runs.map(({ id, stateId }) => [id, stateId]))
    for (const lease of leases as { flow_run_id: string; state_id: string }[]) {
      expect(lease.state_id).toBe(stateIds.get(lease.flow_run_id))
    }
  })

  test.each(Object.keys(ways))('%s has a lease as long as it asks for, also when polls are recorded', async (way) => {
    const claim = await (ways[way] as () => Promise<Claim>)()
    await claim({ holder: 'A b/ü', leaseSeconds: 5, recordPolls: true, limit: 1, now })
    await claim({ holder: 'w-2', leaseSeconds: 2 ** 31 - 1, recordPolls: true, limit: 1, now: at(3) })
    const leases = (await readLeases(t.db)).toSorted((a, b) => a.acquiredAt.getTime() - b.acquiredAt.getTime())
    expect(leases).toMatchObject([
      { holder: 'A b/ü', acquiredAt: now, expiresAt: at(5) },
      { holder: 'w-2', acquiredAt: at(3), expiresAt: at(3 + 2 ** 31 - 1) },
    ])
  })

  test('takes a name of two thousand bytes', async () => {
    const claim = await ofQueue({})
    const holder = 'é'.repeat(1000)
    await claim({ holder, limit: 1, now })
    expect(await readLeases(t.db, { holder })).toMatchObject([{ holder }])
  })

  test('is by the clock when no time is given', async () => {
    const queue = await t.make.queue()
    await createFlowRuns(t.db, [{ workQueueId: queue }, { workQueueId: queue }])
    const before = Date.now()
    await claimRunsInWorkQueue(t.db, queue, { holder: 'w-1', leaseSeconds: 30, scheduledBefore: null })
    for (const { acquiredAt, expiresAt } of await readLeases(t.db)) {
      expect(Math.abs(acquiredAt.getTime() - before)).toBeLessThan(20_000)
      expect(Math.abs(expiresAt.getTime() - acquiredAt.getTime() - 30_000)).toBeLessThan(1000)
    }
    expect(await readLeases(t.db)).toHaveLength(2)
  })

  test('replaces the lease of a claim before', async () => {
    const claim = await ofQueue({})
    await claim({ holder: 'w-1', limit: 1, now })
    const [released] = await releaseStaleClaims(t.db, { pendingBefore: at(1), now: at(2) })
    expect(await readLeases(t.db)).toEqual([])
    await claim({ holder: 'w-2', leaseSeconds: 10, now: at(3) })
    expect((await readLeases(t.db)).find(({ flowRunId }) => flowRunId === released?.id)).toEqual({
      flowRunId: released?.id,
      holder: 'w-2',
      acquiredAt: at(3),
      expiresAt: at(13),
    })
  })

  test('once without one leaves an old lease, which does not hold again', async () => {
    const claim = await ofQueue({})
    await claim({ holder: 'w-1', now })
    await releaseStaleClaims(t.db, { pendingBefore: at(1), now: at(2) })
    expect(await claim({ now: at(3) })).toHaveLength(3)
    expect((await allRows(t.database))['flow_run_lease']).toHaveLength(3)
    expect(await readLeases(t.db)).toEqual([])
    const [run] = await claim({ now: at(4), scheduledBefore: null })
    expect(run).toBeUndefined()
  })

  test('never expires past the years that all databases have', async () => {
    const queue = await t.make.queue()
    await createFlowRuns(t.db, [{ workQueueId: queue, nextScheduledStartTime: now }], { now })
    const last = new Date('9999-12-31T23:59:00.000Z')
    await claimRunsInWorkQueue(t.db, queue, { holder: 'w-1', leaseSeconds: 2 ** 31 - 1, now: last })
    const [lease] = await readLeases(t.db)
    expect(lease?.expiresAt).toEqual(new Date('9999-12-31T23:59:59.999Z'))
  })

  test('leaves no lease when the caller’s transaction is rolled back', async () => {
    const claim = await ofQueue({})
    const before = await allRows(t.database)
    const rolledBack = t.db.transaction().execute(async (trx) => {
      const { workQueueId = null } = (await readFlowRun(trx, (await firstRun()) ?? '')) ?? {}
      const { runs } = await claimRunsInWorkQueue(trx, workQueueId ?? '', { holder: 'w-1', now })
      expect(await readLeases(trx)).toHaveLength(runs.length)
      throw new Error('rolled back')
    })
    await expect(rolledBack).rejects.toThrow('rolled back')
    expect(await allRows(t.database)).toEqual(before)
    expect(await claim({ holder: 'w-1', now })).toHaveLength(3)
  })
  const firstRun = async (): Promise<string | undefined> =>
    ((await allRows(t.database))['flow_run'] as { id: string }[] | undefined)?.[0]?.id

  test('refuses a holder that is none, and a lease for nobody', async () => {
    const queue = await t.make.queue()
    const refused: [string, ClaimRunsInWorkQueueOptions][] = [
      ['leaseSeconds', { leaseSeconds: 60 }],
      ['leaseSeconds', { holder: 'w-1', leaseSeconds: 0 }],
      ['holder', { holder: ' ' }],
    ]
    for (const [path, options] of refused) {
      for (const call of [claimRunsInWorkQueue(t.db, queue, options), claimScheduledFlowRuns(t.db, options)]) {
        const error = await call.then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
        expect(error).toBeInstanceOf(InvalidInputError)
        expect(error).toMatchObject({ issues: [{ path }] })
      }
    }
  })

  test('goes on through states of the slot, and ends with them', async () => {
    const claim = await ofQueue({})
    const [run] = await claim({ holder: 'w-1', limit: 1, now })
    const id = run?.id ?? ''
    for (const [n, type] of (['RUNNING', 'CANCELLING', 'RUNNING'] as const).entries()) {
      await setFlowRunState(t.db, id, { type }, { now: at(n + 1) })
      expect(await readLeases(t.db)).toMatchObject([{ flowRunId: id, holder: 'w-1' }])
    }
    await setFlowRunState(t.db, id, { type: 'FAILED' }, { now: at(9) })
    expect(await readLeases(t.db)).toEqual([])
    await setFlowRunState(t.db, id, { type: 'RUNNING' }, { now: at(10) })
    expect(await readLeases(t.db)).toEqual([])
  })
})
