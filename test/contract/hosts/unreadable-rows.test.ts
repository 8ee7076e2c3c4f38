import {
  cancelFlowRun,
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  countWorkQueueActiveSlots,
  explainFlowRun,
  explainWorkQueue,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  markLateFlowRuns,
  markWorkersOffline,
  readFlowRun,
  readFlowRuns,
  readLeases,
  readNextStartTime,
  readWorkers,
  readWorkPool,
  readWorkPools,
  readWorkPoolSlotHolders,
  readWorkPoolStats,
  readWorkQueue,
  readWorkQueues,
  readWorkQueueSlotHolders,
  readWorkQueueStats,
  readWorkQueueStatus,
  recordWorkerHeartbeat,
  releaseStaleClaims,
  renewLeases,
  setFlowRunState,
  setFlowRunStates,
  UnreadableRowError,
  updateWorkPool,
  updateWorkQueue,
  WorkQueueError,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { databases } from '../../support/databases.js'
import { type Contract, describeOnDatabases } from '../../support/describe-databases.js'
import { allRows } from '../../support/factory.js'

// SQLite holds anything in any column.
const notTimes = [
  'yesterday',
  '2026-02-30 00:00:00.000000',
  '2026-01-01 24:00:00',
  '2026-01-01 00:00:00+01:00:0',
  '',
  5,
  Buffer.from('2035-01-01 12:00:00.000000'),
]
const notJson = ['{', '{"a": NaN}', 'yes']
const notIntegers = ['many', 1.5]

const columns = {
  work_pool: {
    created: notTimes,
    last_transitioned_status_at: notTimes,
    base_job_template: notJson,
    storage_configuration: notJson,
    concurrency_limit: notIntegers,
  },
  work_queue: { updated: notTimes, last_polled: notTimes, filter: notJson, priority: notIntegers },
  worker: { last_heartbeat_time: notTimes, heartbeat_interval_seconds: notIntegers },
  flow_run: {
    created: notTimes,
    state_timestamp: notTimes,
    expected_start_time: notTimes,
    next_scheduled_start_time: notTimes,
    start_time: notTimes,
    parameters: notJson,
    tags: notJson,
    labels: notJson,
    empirical_policy: notJson,
    run_count: notIntegers,
  },
} as const

type Table = keyof typeof columns

interface Ids {
  readonly pool: string
  readonly queue: string
  readonly worker: string
  readonly run: string
}

const last = new Date('9999-12-31T23:59:59.999Z')

/** The functions that come to the row, by table. */
const calls: Record<Table, (t: Contract, ids: Ids) => Record<string, () => Promise<unknown>>> = {
  work_pool: ({ db }, { pool, queue }) => ({
    readWorkPool: () => readWorkPool(db, pool),
    readWorkPools: () => readWorkPools(db),
    updateWorkPool: () => updateWorkPool(db, pool, { description: 'new' }),
    explainWorkQueue: () => explainWorkQueue(db, queue),
  }),
  work_queue: ({ db }, { queue }) => ({
    readWorkQueue: () => readWorkQueue(db, queue),
    readWorkQueues: () => readWorkQueues(db),
    getRunsInWorkQueue: () => getRunsInWorkQueue(db, queue),
    claimRunsInWorkQueue: () => claimRunsInWorkQueue(db, queue, { scheduledBefore: null }),
    updateWorkQueue: () => updateWorkQueue(db, queue, { description: 'new' }),
  }),
  worker: ({ db }, { pool }) => ({ readWorkers: () => readWorkers(db, pool) }),
  flow_run: ({ db }, { pool, queue, run }) => ({
    readFlowRun: () => readFlowRun(db, run),
    readFlowRuns: () => readFlowRuns(db),
    getRunsInWorkQueue: () => getRunsInWorkQueue(db, queue),
    getScheduledFlowRuns: () => getScheduledFlowRuns(db, { workPoolIds: [pool] }),
    claimRunsInWorkQueue: () => claimRunsInWorkQueue(db, queue, { limit: 1, scheduledBefore: null }),
    claimScheduledFlowRuns: () => claimScheduledFlowRuns(db, { workQueueIds: [queue], scheduledBefore: null }),
    setFlowRunState: () => setFlowRunState(db, run, { type: 'RUNNING' }),
    setFlowRunStates: () => setFlowRunStates(db, [{ id: run, type: 'RUNNING' }]),
    cancelFlowRun: () => cancelFlowRun(db, run),
    explainFlowRun: () => explainFlowRun(db, run),
  }),
}

describeOnDatabases(
  'a row that cannot be read',
  (t) => {
    const make = async (): Promise<Ids> => {
      const pool = await t.make.pool()
      const queue = await t.make.queue({ work_pool_id: pool })
      const worker = await t.make.worker({ work_pool_id: pool, last_heartbeat_time: last })
      return { pool, queue, worker, run: await t.make.run({ work_queue_id: queue, tags: [] }) }
    }
    const idOf = { work_pool: 'pool', work_queue: 'queue', worker: 'worker', flow_run: 'run' } as const

    const cases = Object.entries(columns).flatMap(([table, of]) =>
      Object.entries(of).map(([column, values]) => [table as Table, column, values] as const),
    )
    test.each(cases)('in %s, by its %s, is named by every function that comes to it', async (table, column, values) => {
      const ids = await make()
      const id = ids[idOf[table]]
      const neighbour = await t.make.queue()
      await t.make.run({ work_queue_id: neighbour })
      const before = await allRows(t.database)
      const good = before[table]?.find((row) => 'id' in row && row.id === id) as
        Record<string, string | null> | undefined
      for (const value of values) {
        await t.make.set(table, id, { [column]: value })
        const broken = await allRows(t.database)
        for (const [name, call] of Object.entries(calls[table](t, ids))) {
          const error: unknown = await call().then(
            () => undefined,
            (thrown: unknown) => thrown,
          )
          expect(error, `${name}, ${String(value)}`).toBeInstanceOf(UnreadableRowError)
          expect(error).toBeInstanceOf(WorkQueueError)
          expect(error).toMatchObject({ name: 'UnreadableRowError', code: 'UNREADABLE_ROW', table, id, column })
          expect((error as Error).message).toContain(id)
          expect((error as Error).cause).toBeInstanceOf(Error)
        }
        expect(await allRows(t.database)).toEqual(broken)
        expect((await getRunsInWorkQueue(t.db, neighbour)).runs).toHaveLength(1)
      }
      await t.make.set(table, id, { [column]: good?.[column] ?? null })
      for (const call of Object.values(calls[table](t, ids))) await call()
    })

    test('in the history of a run, names the run', async () => {
      const { pool, queue } = await make()
      const id = await t.make.run({ work_queue_id: queue, state_type: 'RUNNING' })
      await t.make.state({ flow_run_id: id, type: 'RUNNING', name: 'Running', timestamp: 'yesterday' })
      const named = { code: 'UNREADABLE_ROW', table: 'flow_run_state', id, column: 'timestamp' }
      await expect(readWorkQueueSlotHolders(t.db, queue)).rejects.toMatchObject(named)
      await expect(readWorkPoolSlotHolders(t.db, pool)).rejects.toMatchObject(named)
      await t.make.set('work_queue', queue, { concurrency_limit: 1 })
      await expect(explainWorkQueue(t.db, queue)).rejects.toMatchObject(named)
    })

    test('is named where one value of it is read', async () => {
      const { queue, run } = await make()
      await t.make.set('flow_run', run, { next_scheduled_start_time: 'yesterday' })
      await expect(explainWorkQueue(t.db, queue)).rejects.toMatchObject({ table: 'flow_run', id: run })
      for (const call of [readWorkQueueStats, readWorkPoolStats, readNextStartTime]) {
        const column = 'next_scheduled_start_time'
        await expect(call(t.db)).rejects.toMatchObject({ code: 'UNREADABLE_ROW', table: 'flow_run', id: run, column })
      }
      await t.make.set('flow_run', run, { next_scheduled_start_time: null })
      await t.make.set('work_queue', queue, { last_polled: 'yesterday' })
      const named = { code: 'UNREADABLE_ROW', table: 'work_queue', id: queue }
      await expect(readWorkQueueStatus(t.db, queue)).rejects.toMatchObject({ ...named, column: 'last_polled' })
      await expect(readWorkQueueStats(t.db)).rejects.toMatchObject({ ...named, column: 'last_polled' })
      await t.make.set('work_queue', queue, { last_polled: null, filter: '{' })
      await expect(readWorkQueueStats(t.db)).rejects.toMatchObject({ ...named, column: 'filter' })
      await expect(readNextStartTime(t.db)).rejects.toMatchObject({ ...named, column: 'filter' })
      await expect(countWorkQueueActiveSlots(t.db, [queue])).rejects.toMatchObject({ ...named, column: 'filter' })
    })

    test('is named by what a host calls on a timer', async () => {
      const { queue, run, worker } = await make()
      const pending = await t.make.run({ work_queue_id: queue, state_type: 'PENDING', state_timestamp: new Date(0) })
      await t.make.set('flow_run', pending, { context: '[' })
      await t.make.set('flow_run', run, { next_scheduled_start_time: new Date(0), context: '[' })
      const named = { code: 'UNREADABLE_ROW', table: 'flow_run', column: 'context' }
      await expect(releaseStaleClaims(t.db, { pendingBefore: last })).rejects.toMatchObject({ ...named, id: pending })
      await expect(markLateFlowRuns(t.db, { scheduledBefore: last })).rejects.toMatchObject({ ...named, id: run })
      await t.make.set('worker', worker, { last_heartbeat_time: '0 days ago' })
      await expect(markWorkersOffline(t.db)).rejects.toMatchObject({ table: 'worker', id: worker })
    })

    test('is named of a lease, by its run', async () => {
      const { queue, run: flow_run_id } = await make()
      await t.make.set('flow_run', flow_run_id, { state_type: 'RUNNING' })
      await t.make.lease({ flow_run_id, state_id: queue, expires_at: 'tomorrow' })
      const named = { code: 'UNREADABLE_ROW', table: 'flow_run_lease', id: flow_run_id, column: 'expires_at' }
      await expect(readLeases(t.db)).rejects.toMatchObject(named)
      await expect(readWorkQueueSlotHolders(t.db, queue)).rejects.toMatchObject(named)
      await expect(explainFlowRun(t.db, flow_run_id)).rejects.toMatchObject(named)
      await renewLeases(t.db, 'w-1', { now: last })
      expect(await readLeases(t.db)).toMatchObject([{ expiresAt: last }])
    })

    test('stops no one who only writes over it', async () => {
      const { pool, queue } = await make()
      await t.make.worker({ work_pool_id: pool, name: 'known', last_heartbeat_time: 'yesterday' })
      const now = new Date('2035-01-01T12:00:00.000Z')
      expect((await recordWorkerHeartbeat(t.db, pool, 'known', { now })).lastHeartbeatTime).toEqual(now)
      expect((await readWorkQueue(t.db, queue))?.id).toBe(queue)
    })

    test('has no tags that a filter asks for', async () => {
      const queue = await t.make.queue({ filter: { tags: ['a'], deployment_ids: null } })
      const [, good] = await t.make.runs([
        { deployment_id: queue, tags: '["a"' },
        { deployment_id: queue, tags: ['a'] },
      ])
      expect((await getRunsInWorkQueue(t.db, queue)).runs.map(({ id }) => id)).toEqual([good])
      expect((await readFlowRuns(t.db, { filter: { tags: { all: ['a'] } } })).map(({ id }) => id)).toEqual([good])
    })
  },
  databases.filter(({ dialect }) => dialect === 'sqlite'),
)
