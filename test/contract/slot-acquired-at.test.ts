import { addMilliseconds, addSeconds } from 'date-fns'
import {
  createFlowRuns,
  readWorkPoolSlotHolders,
  readWorkQueueSlotHolders,
  setFlowRunState,
  type StateType,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'

const now = new Date('2035-01-01T12:00:00.123Z')

/** A history: the states of a run, a second apart, and from which of them it occupies its slot. */
type History = readonly [title: string, states: readonly StateType[], since: number | null]

const histories: History[] = [
  ['began in a slot-occupying state', ['PENDING', 'RUNNING'], 0],
  ['was started as planned', ['SCHEDULED', 'PENDING', 'RUNNING'], 1],
  ['is RUNNING without having been PENDING', ['SCHEDULED', 'RUNNING'], 1],
  ['was late', ['SCHEDULED', 'SCHEDULED', 'PENDING'], 2],
  ['is retried', ['SCHEDULED', 'PENDING', 'RUNNING', 'FAILED', 'SCHEDULED', 'PENDING', 'RUNNING'], 5],
  ['is retried in its process', ['SCHEDULED', 'PENDING', 'RUNNING', 'SCHEDULED', 'RUNNING'], 4],
  ['is retried at once', ['RUNNING', 'CRASHED', 'RUNNING', 'FAILED', 'PENDING', 'RUNNING'], 4],
  ['was paused', ['SCHEDULED', 'PENDING', 'RUNNING', 'PAUSED', 'RUNNING'], 4],
  ['is about to be cancelled', ['SCHEDULED', 'PENDING', 'CANCELLING', 'RUNNING'], 1],
  ['was cancelled and is run again', ['RUNNING', 'CANCELLING', 'CANCELLED', 'PENDING'], 3],
  ['was completed and is run again', ['RUNNING', 'COMPLETED', 'SCHEDULED', 'RUNNING'], 3],
  ['has states of the same kind in a row', ['PENDING', 'RUNNING', 'RUNNING', 'PENDING', 'RUNNING'], 0],
  ['lost the state that it is in', ['RUNNING', 'FAILED', 'SCHEDULED'], null],
  ['has no states', [], null],
]

describeOnDatabases('slotAcquiredAt', (t) => {
  /** When a run got its slot: the same, asked by queue and by pool. */
  const slotAcquiredAt = async (pool: string, queue: string, run: string): Promise<Date | null | undefined> => {
    const byQueue = await readWorkQueueSlotHolders(t.db, queue)
    const byPool = await readWorkPoolSlotHolders(t.db, pool)
    expect(byPool).toEqual(byQueue)
    return byQueue.find(({ flowRun }) => flowRun.id === run)?.slotAcquiredAt
  }

  test('is when the current unbroken occupation began', async () => {
    const pool = await t.make.pool()
    const work_queue_id = await t.make.queue({ work_pool_id: pool })
    const runs: string[] = []
    for (const [, states] of histories) {
      const flow_run_id = await t.make.run({ work_queue_id, state_type: 'RUNNING' })
      runs.push(flow_run_id)
      // Not in the order of their times, since a database may return them in any order.
      for (const [n, type] of [...states.entries()].toReversed()) {
        await t.make.state({ flow_run_id, type, name: type, timestamp: addSeconds(now, n) })
      }
    }
    for (const [n, [title, , since]] of histories.entries()) {
      const expected = since === null ? null : addSeconds(now, since)
      expect(await slotAcquiredAt(pool, work_queue_id, runs[n] ?? ''), `of a run that ${title}`).toEqual(expected)
    }
  })

  test('follows the states that are set, many of them in one millisecond', async () => {
    const pool = await t.make.pool()
    const workQueueId = await t.make.queue({ work_pool_id: pool })
    const [created] = await createFlowRuns(t.db, [{ workQueueId }], { now })
    const run = created?.id ?? ''
    const enter = async (milliseconds: number, ...types: StateType[]): Promise<Date | null | undefined> => {
      const timestamp = addMilliseconds(now, milliseconds)
      for (const type of types) await setFlowRunState(t.db, run, { type, timestamp })
      return await slotAcquiredAt(pool, workQueueId, run)
    }
    expect(await enter(0, 'PENDING')).toEqual(now)
    expect(await enter(5, 'RUNNING')).toEqual(now)
    expect(await enter(7, 'FAILED', 'SCHEDULED', 'PENDING')).toEqual(addMilliseconds(now, 7))
    expect(await enter(7, 'RUNNING')).toEqual(addMilliseconds(now, 7))
    expect(await enter(9, 'RUNNING', 'FAILED')).toBeUndefined()
    expect(await enter(9, 'RUNNING')).toEqual(addMilliseconds(now, 9))
  })

  test('counts microseconds, of which a state may be apart from the one before', async () => {
    const pool = await t.make.pool()
    const work_queue_id = await t.make.queue({ work_pool_id: pool })
    const isPostgres = t.kind.dialect === 'postgres'
    const at = (time: string): string => (isPostgres ? `2035-01-01T${time}Z` : `2035-01-01 ${time}`)
    const flow_run_id = await t.make.run({ work_queue_id, state_type: 'RUNNING' })
    for (const [type, time] of [
      ['RUNNING', '12:00:00.122000'],
      ['SCHEDULED', '12:00:00.123455'],
      ['PENDING', '12:00:00.123999'],
      ['RUNNING', '12:00:00.124001'],
    ] as const) {
      await t.make.state({ flow_run_id, type, name: type, timestamp: at(time) })
    }
    expect(await slotAcquiredAt(pool, work_queue_id, flow_run_id)).toEqual(now)
  })

  test('of a run of a queue with a tag filter is found in the same way', async () => {
    const id = await t.make.queue({ filter: { tags: ['a'], deployment_ids: null } })
    const [flow_run_id = ''] = await t.make.runs([
      { state_type: 'RUNNING', tags: ['a'], deployment_id: await t.make.queue() },
    ])
    for (const [n, type] of ['RUNNING', 'FAILED', 'PENDING', 'RUNNING'].entries()) {
      await t.make.state({ flow_run_id, type, name: type, timestamp: addSeconds(now, n) })
    }
    const holders = await readWorkQueueSlotHolders(t.db, id)
    expect(holders.map(({ slotAcquiredAt: since }) => since)).toEqual([addSeconds(now, 2)])
  })
})
