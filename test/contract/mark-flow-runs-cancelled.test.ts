import { addSeconds } from 'date-fns'
import {
  cancelFlowRun,
  claimRunsInWorkQueue,
  countWorkQueueActiveSlots,
  markFlowRunsCancelled,
  type MarkFlowRunsCancelledOptions,
  readFlowRun,
} from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, type Row } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const at = (seconds: number): Date => addSeconds(now, seconds)
const cancelling = (since: number, row: Row = {}): Row => ({
  state_type: 'CANCELLING',
  state_name: 'Cancelling',
  state_timestamp: at(since),
  start_time: at(-600),
  ...row,
})

describeOnDatabases('markFlowRunsCancelled', (t) => {
  const mark = async (options: Partial<MarkFlowRunsCancelledOptions> = {}): Promise<string[]> =>
    (await markFlowRunsCancelled(t.db, { cancellingBefore: now, now, ...options })).map(({ id }) => id)

  test('ends a run that nobody stopped, as readFlowRun gives it, with its history, and frees its slot', async () => {
    const queue = await t.make.queue({ concurrency_limit: 1 })
    await t.make.runs([1, 2].map((n) => ({ work_queue_id: queue, next_scheduled_start_time: at(-n) })))
    const [claimed] = (await claimRunsInWorkQueue(t.db, queue, { now: at(-400), scheduledBefore: null })).runs
    const id = claimed?.id ?? ''
    const asked = await cancelFlowRun(t.db, id, { now: at(-301) })
    expect((await countWorkQueueActiveSlots(t.db, [queue])).get(queue)).toBe(1)
    const [ended, ...others] = await markFlowRunsCancelled(t.db, { cancellingBefore: at(-300), now })
    expect(others).toEqual([])
    const state = { stateType: 'CANCELLED', stateName: 'Cancelled', stateTimestamp: now, updated: now }
    // It never ran.
    expect(ended).toEqual({ ...asked, ...state, startTime: now, endTime: now, stateId: ended?.stateId })
    expect(ended).toEqual(await readFlowRun(t.db, id))
    const states = await t.database.plain
      .selectFrom('flow_run_state')
      .select(['id', 'type', 'name'])
      .where('flow_run_id', '=', id)
      .orderBy('timestamp')
      .execute()
    expect(states.map(({ type }) => type)).toEqual(['PENDING', 'CANCELLING', 'CANCELLED'])
    expect(states.at(-1)).toEqual({ id: ended?.stateId, type: 'CANCELLED', name: 'Cancelled' })
    expect((await claimRunsInWorkQueue(t.db, queue, { scheduledBefore: null })).runs).toHaveLength(1)
  })

  test('only runs that are CANCELLING since before the time are ended', async () => {
    const [stuck] = await t.make.runs([cancelling(-0.001), cancelling(0), cancelling(1)])
    for (const state_type of STATE_TYPES) {
      if (state_type !== 'CANCELLING') await t.make.run(cancelling(-60, { state_type }))
    }
    await t.make.run(cancelling(-60, { state_type: null }))
    expect(await mark()).toEqual([stuck])
    expect(await mark()).toEqual([])
    expect(await mark({ cancellingBefore: at(0.001) })).toHaveLength(1)
  })

  test('ends those CANCELLING longest first, ties by id, and no more than limit', async () => {
    const [a, b, c, d] = await t.make.runs([cancelling(-1), cancelling(-3), cancelling(-2), cancelling(-2)])
    expect(await mark({ limit: 0 })).toEqual([])
    expect(await mark({ limit: 1 })).toEqual([b])
    expect(await mark({ limit: 2 })).toEqual([c, d])
    expect(await mark({ limit: 2 ** 31 - 1 })).toEqual([a])
  })

  test('ends 400 runs when no limit is given, and more than a thousand when asked to', async () => {
    await t.make.runs(Array.from({ length: 403 + 1001 }, (_, n) => cancelling(-n - 1)))
    expect(await mark()).toHaveLength(400)
    expect(new Set(await mark({ limit: 2000 })).size).toBe(1004)
    expect(await mark()).toEqual([])
  })

  test('no state is stamped before the one before it, whatever now says', async () => {
    const run = await t.make.run(cancelling(60))
    const [ended] = await markFlowRunsCancelled(t.db, { cancellingBefore: at(61), now })
    expect(ended).toMatchObject({ id: run, stateType: 'CANCELLED' })
    expect(ended?.stateTimestamp?.getTime()).toBeGreaterThanOrEqual(at(60).getTime())
  })

  test('with nothing to end, no row is written', async () => {
    await t.make.runs([cancelling(0), cancelling(-1, { state_type: 'RUNNING' })])
    const before = await allRows(t.database)
    expect(await mark()).toEqual([])
    expect(await allRows(t.database)).toEqual(before)
  })

  test('many calls at once end each run once', async () => {
    const runs = await t.make.runs(Array.from({ length: 10 }, (_, n) => cancelling(-n - 1)))
    const sessions = t.kind.dialect === 'postgres' ? [t.db, t.database.connect()] : [t.db]
    const options = { cancellingBefore: now, now, limit: 3 }
    const ended = await Promise.all(
      Array.from({ length: 6 }, (_, n) => markFlowRunsCancelled(sessions[n % sessions.length] ?? t.db, options)),
    )
    expect(ended.flat().map(({ id }) => id)).toHaveLength(10)
    expect(new Set(ended.flat().map(({ id }) => id))).toEqual(new Set(runs))
  })
})
