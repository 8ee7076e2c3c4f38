import { addSeconds } from 'date-fns'
import {
  createFlowRuns,
  createWorkQueue,
  deleteWorkQueue,
  type FlowRun,
  getRunsInWorkQueue,
  readFlowRun,
  readFlowRuns,
  readFlowRunStates,
  readWorkQueue,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { type Contract, describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const later = addSeconds(now, 60)

/** Runs of every kind that a queue has, its namesake's, and another's. */
async function arrange(t: Contract, isAgents: boolean): Promise<{ queue: string; waiting: string[]; rest: FlowRun[] }> {
  const queue = await (isAgents ? t.make.agentQueue({ name: 'etl' }) : t.make.queue({ name: 'etl' }))
  const namesake = await t.make.queue({ name: 'etl' })
  const inputs = [
    { workQueueId: queue, stateType: 'SCHEDULED' as const },
    { workQueueId: queue, stateType: 'SCHEDULED' as const, stateName: 'Late', parameters: { a: [1] } },
    { workQueueId: queue, nextScheduledStartTime: null },
    { workQueueId: null, workQueueName: 'etl', nextScheduledStartTime: later },
    { workQueueId: queue, stateType: 'PENDING' as const },
    { workQueueId: queue, stateType: 'RUNNING' as const },
    { workQueueId: queue, stateType: 'PAUSED' as const },
    { workQueueId: queue, stateType: 'COMPLETED' as const },
    { workQueueId: namesake },
    { workQueueId: null },
  ]
  const runs = await createFlowRuns(t.db, inputs, { now })
  const count = isAgents ? 4 : 3
  return { queue, waiting: runs.slice(0, count).map(({ id }) => id), rest: runs.slice(count) }
}

describeOnDatabases('deleteWorkQueue, and its waiting runs', (t) => {
  const read = async (ids: readonly string[]): Promise<FlowRun[]> =>
    await readFlowRuns(t.db, { filter: { id: { any: [...ids] } } })
  /** The others are as they were, without the queue. */
  const expectRest = async (rest: readonly FlowRun[], queue: string): Promise<void> => {
    expect(await read(rest.map(({ id }) => id))).toEqual(
      rest.map((run) => ({ ...run, workQueueId: run.workQueueId === queue ? null : run.workQueueId })),
    )
  }

  test.each([
    ['of the default agent pool', true],
    ['of another pool', false],
  ])('cancel: those of a queue %s become CANCELLED, with their history', async (_, isAgents) => {
    const { queue, waiting, rest } = await arrange(t, isAgents)
    expect(await deleteWorkQueue(t.db, queue, { waitingRuns: 'cancel', now: later })).toBe(true)
    expect(await readWorkQueue(t.db, queue)).toBeUndefined()
    for (const run of await read(waiting)) {
      const cancelled = { stateType: 'CANCELLED', stateName: 'Cancelled', stateTimestamp: later, endTime: later }
      expect(run).toMatchObject({ ...cancelled, workQueueId: null, workQueueName: 'etl' })
      const states = await readFlowRunStates(t.db, run.id)
      expect(states.map(({ type }) => type)).toEqual(['SCHEDULED', 'CANCELLED'])
      expect(states[1]).toMatchObject({ id: run.stateId, message: 'Its work queue was deleted.', timestamp: later })
    }
    await expectRest(rest, queue)
  })

  test.each([
    ['of the default agent pool', true],
    ['of another pool', false],
  ])('moveTo: those of a queue %s are the other queue’s, and wait as they did', async (_, isAgents) => {
    const { queue, waiting, rest } = await arrange(t, isAgents)
    const target = await t.make.queue({ name: 'target' })
    const before = await read(waiting)
    expect(await deleteWorkQueue(t.db, queue, { waitingRuns: { moveTo: target.toUpperCase() }, now: later })).toBe(true)
    expect(await read(waiting)).toEqual(
      before.map((run) => ({ ...run, workQueueId: target, workQueueName: 'target', updated: later })),
    )
    const { runs } = await getRunsInWorkQueue(t.db, target)
    expect(runs.map(({ id }) => id).toSorted()).toEqual(waiting.toSorted())
    await expectRest(rest, queue)
  })

  test('keep, which is the default, leaves them all as they are', async () => {
    for (const options of [{}, { waitingRuns: 'keep' as const }, { waitingRuns: undefined }]) {
      const queue = await t.make.queue()
      const run = await t.make.run({ work_queue_id: queue, work_queue_name: 'etl' })
      const before = await readFlowRun(t.db, run)
      await deleteWorkQueue(t.db, queue, options)
      expect(await readFlowRun(t.db, run)).toEqual({ ...before, workQueueId: null })
    }
  })

  test('moveTo a queue that there is not, and to itself, changes nothing', async () => {
    const queue = await t.make.queue()
    await t.make.run({ work_queue_id: queue })
    const before = await allRows(t.database)
    await t.db.transaction().execute(async (trx) => {
      const missing = deleteWorkQueue(trx, queue, { waitingRuns: { moveTo: testId(404) } })
      await expect(missing).rejects.toMatchObject({ code: 'WORK_QUEUE_NOT_FOUND', id: testId(404) })
      const itself = deleteWorkQueue(trx, queue, { waitingRuns: { moveTo: queue.toUpperCase() } })
      await expect(itself).rejects.toMatchObject({ issues: [{ path: 'waitingRuns.moveTo' }] })
      expect(await deleteWorkQueue(trx, testId(404), { waitingRuns: { moveTo: testId(405) } })).toBe(false)
    })
    expect(await allRows(t.database)).toEqual(before)
  })

  test('moveTo a queue before it and after it in the order of ids, and one that moves itself', async () => {
    const workPoolId = await t.make.pool()
    const row = { work_pool_id: workPoolId }
    for (const [n, target] of [1, 9].entries()) {
      await t.make.queue({ ...row, id: testId(target), priority: 10 + n })
      // Equal priorities, as something else may leave them: the second moves.
      await t.make.queue({ ...row, id: testId(20 + n), priority: 10 + n })
      await t.make.queue({ ...row, id: testId(5) })
      const run = await t.make.run({ work_queue_id: testId(5) })
      expect(await deleteWorkQueue(t.db, testId(5), { waitingRuns: { moveTo: testId(target) } })).toBe(true)
      expect((await readFlowRun(t.db, run))?.workQueueId).toBe(testId(target))
    }
    await t.make.queue({ ...row, id: testId(5) })
    await t.make.set('work_queue', testId(21), { priority: 10 })
    const run = await t.make.run({ work_queue_id: testId(5) })
    expect(await deleteWorkQueue(t.db, testId(5), { waitingRuns: { moveTo: testId(21) } })).toBe(true)
    expect((await readFlowRun(t.db, run))?.workQueueId).toBe(testId(21))
  })

  test('cancel of two thousand and one', async () => {
    const { id } = await createWorkQueue(t.db, { name: 'etl' })
    const runs = Array.from({ length: 2001 }, (_, n) => ({ id: testId(n, 5), work_queue_id: id }))
    await t.make.runs(runs)
    t.database.statements.length = 0
    await deleteWorkQueue(t.db, id, { waitingRuns: 'cancel' })
    expect(t.database.statements.length).toBeLessThan(25)
    const left = await readFlowRuns(t.db, { filter: { stateType: { any: ['SCHEDULED'] } } })
    expect(left).toEqual([])
  })
})
