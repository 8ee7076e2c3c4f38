import { addSeconds } from 'date-fns'
import {
  cancelFlowRun,
  claimRunsInWorkQueue,
  type FlowRun,
  FlowRunStateConflictError,
  getScheduledFlowRuns,
  readFlowRun,
  readLeases,
  releaseExpiredLeases,
  type ReleaseExpiredLeasesOptions,
  releaseStaleClaims,
  renewLeases,
  setFlowRunState,
  type StateType,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { allRows, type Row } from '../../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const at = (seconds: number): Date => addSeconds(now, seconds)

describeOnDatabases('releaseExpiredLeases', (t) => {
  /** A queue with runs that are due. */
  const queueOf = async (length: number, row: Row = {}): Promise<string> => {
    const queue = await t.make.queue(row)
    await t.make.runs(
      Array.from({ length }, (_, n) => ({
        work_queue_id: queue,
        state_timestamp: at(-99),
        next_scheduled_start_time: at(-60 + n),
        expected_start_time: at(-60 + n),
      })),
    )
    return queue
  }
  const claim = async (
    queue: string,
    holder: string | undefined,
    seconds: number,
    limit?: number,
  ): Promise<FlowRun[]> =>
    (await claimRunsInWorkQueue(t.db, queue, { holder, limit, scheduledBefore: null, now: at(seconds) })).runs
  const enter = (run: FlowRun | undefined, type: StateType, seconds: number): Promise<FlowRun> =>
    setFlowRunState(t.db, run?.id ?? '', { type }, { now: at(seconds) })
  const release = async (
    seconds: number,
    options: ReleaseExpiredLeasesOptions = {},
  ): Promise<[id: string, state: string | null][]> =>
    (await releaseExpiredLeases(t.db, { now: at(seconds), ...options })).map(({ id, stateType }) => [id, stateType])
  const leaseRows = async (): Promise<object[]> => (await allRows(t.database))['flow_run_lease'] ?? []
  const messages = async (id: string | undefined): Promise<unknown[]> => {
    const rows = await t.database.plain
      .selectFrom('flow_run_state')
      .select(['type', 'name', 'message'])
      .where('flow_run_id', '=', id ?? '')
      .orderBy('timestamp')
      .execute()
    return rows.map(({ type, name, message }) => [type, name, message])
  }

  test('frees the slots of a holder that let them expire: each by what its run is, as readFlowRun gives it', async () => {
    const queue = await queueOf(3, { concurrency_limit: 3 })
    const [pending, running, cancelling] = await claim(queue, 'w-1', 0)
    await enter(running, 'RUNNING', 1)
    await cancelFlowRun(t.db, cancelling?.id ?? '', { now: at(1) })
    expect(await release(59.999)).toEqual([])
    const released = await releaseExpiredLeases(t.db, { now: at(60) })
    expect(released.map(({ id, stateType, stateName }) => [id, stateType, stateName])).toEqual([
      [pending?.id, 'SCHEDULED', 'Scheduled'],
      [running?.id, 'CRASHED', 'Crashed'],
      [cancelling?.id, 'CANCELLED', 'Cancelled'],
    ])
    for (const run of released) expect(await readFlowRun(t.db, run.id)).toEqual(run)
    expect(released[0]).toEqual({
      ...pending,
      stateId: released[0]?.stateId,
      stateType: 'SCHEDULED',
      stateName: 'Scheduled',
      stateTimestamp: at(60),
      updated: at(60),
    })
    expect(released[1]).toMatchObject({ endTime: at(60), runCount: 1 })
    expect(await messages(pending?.id)).toEqual([
      ['PENDING', 'Pending', null],
      ['SCHEDULED', 'Scheduled', 'Released: the lease of "w-1" expired.'],
    ])
    expect((await messages(running?.id)).at(-1)).toEqual(['CRASHED', 'Crashed', 'The lease of "w-1" expired.'])
    expect(await leaseRows()).toEqual([])
    expect(await release(60)).toEqual([])
    expect((await claim(queue, undefined, 61)).map(({ id }) => id)).toEqual([pending?.id])
  })

  test('makes of a RUNNING run what it is told, due when it was', async () => {
    const queue = await queueOf(1)
    const [run] = await claim(queue, 'w-1', 0)
    await enter(run, 'RUNNING', 1)
    const [released] = await releaseExpiredLeases(t.db, { runningTo: 'SCHEDULED', now: at(60) })
    expect(released).toMatchObject({
      stateType: 'SCHEDULED',
      nextScheduledStartTime: at(-60),
      runCount: 1,
      endTime: null,
    })
    expect((await claim(queue, 'w-2', 61)).map(({ id }) => id)).toEqual([run?.id])
  })

  test('a RUNNING run that was retried inside its process is handed out by its pool again; one that ends keeps its policy', async () => {
    const queue = await queueOf(0)
    const policy = { retry_type: 'in_process', retries: 3 }
    const row = { work_queue_id: queue, state_timestamp: at(-99), next_scheduled_start_time: at(-60) }
    await t.make.runs([1, 2].map(() => ({ ...row, empirical_policy: policy })))
    const [first] = await claim(queue, 'w-1', 0, 1)
    await enter(first, 'RUNNING', 1)
    const [given] = await releaseExpiredLeases(t.db, { runningTo: 'SCHEDULED', now: at(60) })
    expect(given?.empiricalPolicy).toEqual({ ...policy, retry_type: 'reschedule' })
    const polled = await getScheduledFlowRuns(t.db, { workQueueIds: [queue] })
    expect(polled.map(({ flowRun }) => flowRun)).toEqual([given])
    const [again, second] = await claim(queue, 'w-2', 61)
    for (const run of [again, second]) await enter(run, 'RUNNING', 62)
    const crashed = await releaseExpiredLeases(t.db, { now: at(200) })
    expect(crashed.map((run) => [run.stateType, run.empiricalPolicy])).toEqual([
      ['CRASHED', given?.empiricalPolicy],
      ['CRASHED', policy],
    ])
  })

  test('never touches a run without a lease, nor one whose lease has not expired', async () => {
    const queue = await queueOf(4)
    await claim(queue, undefined, 0, 2)
    await claim(queue, 'w-1', 0, 1)
    await claim(queue, 'w-2', 50, 1)
    await renewLeases(t.db, 'w-1', { now: at(30) })
    const before = await allRows(t.database)
    expect(await release(89)).toEqual([])
    expect(await allRows(t.database)).toEqual(before)
    expect(await release(90)).toHaveLength(1)
    expect(await release(1000)).toHaveLength(1)
    expect(await release(9999)).toEqual([])
  })

  test('nor a run that ended, waits, or was claimed anew, whose lease it drops when that has expired', async () => {
    const queue = await queueOf(5)
    const runs = await claim(queue, 'w-1', 0)
    await enter(runs[0], 'COMPLETED', 1)
    await enter(runs[1], 'PAUSED', 1)
    await releaseStaleClaims(t.db, { pendingBefore: at(1), now: at(2) })
    await claim(queue, undefined, 3, 1)
    await claim(queue, 'w-2', 4, 1)
    const before = await allRows(t.database)
    expect(await release(60)).toEqual([])
    expect(await allRows(t.database)).toEqual({
      ...before,
      flow_run_lease: before['flow_run_lease']?.filter((row) => 'holder' in row && row.holder === 'w-2'),
    })
    expect(await readLeases(t.db)).toMatchObject([{ holder: 'w-2' }])
  })

  test('a run whose other states were of its slot is released, whoever wrote them', async () => {
    const queue = await queueOf(1)
    const [run] = await claim(queue, 'w-1', 0)
    for (const [n, type] of (['RUNNING', 'CANCELLING', 'RUNNING', 'PENDING', 'RUNNING'] as const).entries()) {
      await enter(run, type, n + 1)
    }
    expect(await release(60)).toEqual([[run?.id, 'CRASHED']])
  })

  test('releases the oldest expiry first, ties by id, and no more than limit', async () => {
    const queue = await queueOf(5)
    const claims: FlowRun[] = []
    for (const seconds of [0, 3, 2, 2, 1]) claims.push(...(await claim(queue, 'w-1', seconds, 1)))
    const [a, b, c, d, e] = claims.map(({ id }) => id) as [string, string, string, string, string]
    expect(await release(99, { limit: 0 })).toEqual([])
    expect((await release(99, { limit: 1 })).map(([id]) => id)).toEqual([a])
    expect((await release(99, { limit: 2 })).map(([id]) => id)).toEqual([e, [c, d].toSorted()[0]])
    expect((await release(99, { limit: 2 ** 31 - 1 })).map(([id]) => id)).toEqual([[c, d].toSorted()[1], b])
  })

  test('void leases do not count against the limit', async () => {
    const queue = await queueOf(6)
    const runs = await claim(queue, 'w-1', 0)
    for (const run of runs.slice(0, 4)) await enter(run, 'FAILED', 1)
    expect(await release(99, { limit: 1 })).toHaveLength(1)
    expect(await leaseRows()).toHaveLength(1)
    expect(await release(99, { limit: 0 })).toEqual([])
    expect(await release(99, { limit: 1 })).toHaveLength(1)
  })

  test('releases 400 runs when no limit is given, and any number when one is', { timeout: 30_000 }, async () => {
    const queue = await queueOf(1503)
    await claim(queue, 'w-1', 0)
    expect(await release(60)).toHaveLength(400)
    expect(await release(60, { limit: 5000 })).toHaveLength(1103)
  })

  test('by the clock when no time is given', async () => {
    const queue = await queueOf(2)
    const started = new Date()
    await claimRunsInWorkQueue(t.db, queue, {
      holder: 'w-1',
      leaseSeconds: 1,
      limit: 1,
      scheduledBefore: null,
      now: addSeconds(started, -60),
    })
    await claimRunsInWorkQueue(t.db, queue, { holder: 'w-2', leaseSeconds: 600, scheduledBefore: null, now: started })
    expect(await releaseExpiredLeases(t.db)).toHaveLength(1)
    expect(await readLeases(t.db)).toMatchObject([{ holder: 'w-2' }])
  })

  test('a holder that wakes up too late can neither start nor end the run that it had', async () => {
    const queue = await queueOf(2)
    const [pending, run] = await claim(queue, 'w-1', 0)
    const running = await enter(run, 'RUNNING', 1)
    await release(60, { runningTo: 'SCHEDULED' })
    const late = (held: FlowRun | undefined, type: StateType): Promise<unknown> =>
      setFlowRunState(t.db, held?.id ?? '', { type }, { expectedStateId: held?.stateId ?? undefined })
    const refused = async (): Promise<void> => {
      await expect(late(pending, 'RUNNING')).rejects.toBeInstanceOf(FlowRunStateConflictError)
      await expect(late(running, 'COMPLETED')).rejects.toBeInstanceOf(FlowRunStateConflictError)
      await expect(late(run, 'COMPLETED')).rejects.toBeInstanceOf(FlowRunStateConflictError)
    }
    await refused()
    await claim(queue, 'w-2', 61)
    await refused()
    expect((await renewLeases(t.db, 'w-1', { flowRunIds: [run?.id ?? ''], now: at(62) })).lost).toEqual([run?.id])
    expect((await renewLeases(t.db, 'w-2', { now: at(62) })).held).toHaveLength(2)
  })

  test('in the caller’s transaction, which undoes it', async () => {
    const queue = await queueOf(2)
    const [run] = await claim(queue, 'w-1', 0)
    await enter(run, 'FAILED', 1)
    const before = await allRows(t.database)
    const undone = t.db.transaction().execute(async (trx) => {
      expect(await releaseExpiredLeases(trx, { now: at(60) })).toHaveLength(1)
      expect(await releaseExpiredLeases(trx, { now: at(60) })).toEqual([])
      throw new Error('undone')
    })
    await expect(undone).rejects.toThrow('undone')
    expect(await allRows(t.database)).toEqual(before)
  })
})
