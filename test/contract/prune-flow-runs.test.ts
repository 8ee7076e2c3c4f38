import { addSeconds } from 'date-fns'
import {
  claimRunsInWorkQueue,
  createFlowRuns,
  pruneFlowRuns,
  type PruneFlowRunsOptions,
  readFlowRuns,
  retryFlowRun,
  setFlowRunState,
} from 'kysely-work-queues'
import { STATE_TYPES, TERMINAL_STATES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, type Row, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const at = (seconds: number): Date => addSeconds(now, seconds)
const ended = (seconds: number, row: Row = {}): Row => ({
  state_type: 'COMPLETED',
  state_timestamp: at(seconds + 9),
  created: at(seconds - 9),
  end_time: at(seconds),
  ...row,
})

describeOnDatabases('pruneFlowRuns', (t) => {
  const prune = async (options: Partial<PruneFlowRunsOptions> = {}): Promise<string[]> =>
    await pruneFlowRuns(t.db, { finishedBefore: now, ...options })
  const left = async (): Promise<string[]> => (await readFlowRuns(t.db)).map(({ id }) => id)

  test('deletes a run that has ended, with its history, and leaves the others as they are', async () => {
    const queue = await t.make.queue()
    const [run, waiting] = await createFlowRuns(t.db, [{ workQueueId: queue }, { workQueueId: queue }], {
      now: at(-90),
    })
    await claimRunsInWorkQueue(t.db, queue, { now: at(-80), limit: 1 })
    await setFlowRunState(t.db, run?.id ?? '', { type: 'RUNNING' }, { now: at(-70) })
    const before = await allRows(t.database)
    await setFlowRunState(t.db, run?.id ?? '', { type: 'COMPLETED' }, { now: at(-60) })
    expect(await prune({ finishedBefore: at(-60) })).toEqual([])
    expect(await prune({ finishedBefore: at(-59) })).toEqual([run?.id])
    const without = (rows: object[] = [], column: string) =>
      rows.filter((row) => (row as Record<string, unknown>)[column] !== run?.id)
    expect(await allRows(t.database)).toEqual({
      ...before,
      flow_run: without(before['flow_run'], 'id'),
      flow_run_state: without(before['flow_run_state'], 'flow_run_id'),
    })
    expect(await left()).toEqual([waiting?.id])
  })

  test('only runs that ended before the time are deleted, in whichever state they ended', async () => {
    const expected: string[] = []
    for (const [n, state_type] of TERMINAL_STATES.entries()) {
      expected.push(await t.make.run(ended(-1 - n, { state_type })))
      await t.make.runs([ended(0, { state_type }), ended(1, { state_type })])
    }
    for (const state_type of [...STATE_TYPES, null]) {
      if (!TERMINAL_STATES.includes(state_type as never)) await t.make.run(ended(-60, { state_type }))
    }
    expect(await prune()).toEqual(expected.toReversed())
    expect(await prune()).toEqual([])
    expect(await prune({ finishedBefore: at(0.001) })).toHaveLength(4)
  })

  test('each state may have a time of its own, and one that has none is kept', async () => {
    const of = async (state_type: string, ...seconds: number[]): Promise<string[]> =>
      await t.make.runs(seconds.map((second) => ended(second, { state_type })))
    const [c1, c2] = await of('COMPLETED', -9, -2)
    const [f1] = await of('FAILED', -9, -2)
    const [x1, x2] = await of('CRASHED', -10, -3)
    await of('CANCELLED', -99)
    expect(await prune({ finishedBefore: {} })).toEqual([])
    expect(await prune({ finishedBefore: { FAILED: undefined } })).toEqual([])
    expect(await prune({ finishedBefore: { FAILED: at(-5), CRASHED: at(-5), COMPLETED: at(-1) } })).toEqual([
      x1,
      c1,
      f1,
      c2,
    ])
    expect(await prune({ finishedBefore: { CRASHED: now } })).toEqual([x2])
    expect(await left()).toHaveLength(2)
  })

  test('deletes the oldest end first, across states, ties by id, and no more than limit', async () => {
    const [a, b, c, d] = await t.make.runs([
      ended(-1),
      ended(-3, { state_type: 'FAILED' }),
      ended(-2, { state_type: 'CRASHED' }),
      ended(-2),
    ])
    expect(await prune({ limit: 0 })).toEqual([])
    expect(await prune({ limit: 1 })).toEqual([b])
    expect(await prune({ limit: 2 })).toEqual([c, d])
    expect(await prune({ limit: 2 ** 31 - 1 })).toEqual([a])
  })

  test('deletes 500 runs when no limit is given', async () => {
    const states = (n: number) => TERMINAL_STATES[n % 4] ?? ''
    await t.make.runs(Array.from({ length: 503 }, (_, n) => ended(-n - 1, { state_type: states(n) })))
    expect(await prune()).toHaveLength(500)
    expect(await prune()).toHaveLength(3)
  })

  test('a run that does not say when it ended counts from its state, or else from its creation', async () => {
    const unknown = { end_time: null, state_timestamp: null }
    const [byState, byCreation] = await t.make.runs([
      ended(0, { end_time: null, state_timestamp: at(-2) }),
      ended(0, { ...unknown, created: at(-1) }),
      ended(-9, { end_time: null, state_timestamp: at(0) }),
      ended(-9, { ...unknown, created: at(0) }),
    ])
    expect(await prune()).toEqual([byState, byCreation])
    expect(await prune({ finishedBefore: at(1) })).toHaveLength(2)
  })

  test('deletes only of the queues that are asked for, by queue id, and of none when the list is empty', async () => {
    const [one, two] = [await t.make.queue({ name: 'one' }), await t.make.queue({ name: 'two' })]
    const [a, b, c, named] = await t.make.runs([
      ended(-1, { work_queue_id: one }),
      ended(-2, { work_queue_id: two, state_type: 'FAILED' }),
      ended(-3, { work_queue_id: one, state_type: 'CRASHED' }),
      ended(-4, { work_queue_name: 'one' }),
    ])
    expect(await prune({ workQueueIds: [] })).toEqual([])
    expect(await prune({ workQueueIds: [testId(404)] })).toEqual([])
    expect(await prune({ workQueueIds: [one, two], finishedBefore: { FAILED: at(-2) } })).toEqual([])
    expect(await prune({ workQueueIds: [one, one.toUpperCase(), two], limit: 2 })).toEqual([c, b])
    expect(await prune({ workQueueIds: [one, testId(404)] })).toEqual([a])
    expect(await prune()).toEqual([named])
  })

  test('of queues too, the oldest go first and no more than limit, each once, also with many at one time', async () => {
    const queues = [await t.make.queue(), await t.make.queue()]
    const runs = await t.make.runs(
      Array.from({ length: 12 }, (_, n) => ended(-Math.floor(n / 4) - 1, { work_queue_id: queues[n % 2] ?? '' })),
    )
    const order = [...runs.slice(8), ...runs.slice(4, 8), ...runs.slice(0, 4)]
    for (const [from, limit] of [
      [0, 3],
      [3, 1],
      [4, 6],
      [10, 6],
    ] as const) {
      expect(await prune({ workQueueIds: queues, limit })).toEqual(order.slice(from, from + limit))
    }
  })

  test('a run that was retried since is kept, and deleted when it has ended again', async () => {
    const run = await t.make.run(ended(-60, { state_type: 'FAILED' }))
    await retryFlowRun(t.db, run, { now: at(-50) })
    expect(await prune()).toEqual([])
    await setFlowRunState(t.db, run, { type: 'COMPLETED' }, { now: at(-10) })
    expect(await prune({ finishedBefore: at(-10) })).toEqual([])
    expect(await prune()).toEqual([run])
  })

  test('with nothing to delete, no row is written', async () => {
    await t.make.runs([ended(0), ended(-1, { state_type: 'RUNNING' })])
    const before = await allRows(t.database)
    expect(await prune()).toEqual([])
    expect(await allRows(t.database)).toEqual(before)
  })

  test('many calls at once delete each run once, and leave none that they were to delete', async () => {
    const runs = await t.make.runs(Array.from({ length: 20 }, (_, n) => ended(-n - 1)))
    const sessions = t.kind.dialect === 'postgres' ? [t.db, t.database.connect(), t.database.connect()] : [t.db]
    const gone = await Promise.all(
      Array.from({ length: 5 }, (_, n) =>
        pruneFlowRuns(sessions[n % sessions.length] ?? t.db, { finishedBefore: now, limit: 4 }),
      ),
    )
    expect(gone.flat()).toHaveLength(20)
    expect(new Set(gone.flat())).toEqual(new Set(runs))
  })

  test('in a transaction of the host’s that is rolled back, nothing is deleted', async () => {
    await t.make.runs([ended(-1), ended(-2)])
    const before = await allRows(t.database)
    const attempt = t.db.transaction().execute(async (trx) => {
      expect(await pruneFlowRuns(trx, { finishedBefore: now })).toHaveLength(2)
      throw new Error('undo')
    })
    await expect(attempt).rejects.toThrow('undo')
    expect(await allRows(t.database)).toEqual(before)
  })
})
