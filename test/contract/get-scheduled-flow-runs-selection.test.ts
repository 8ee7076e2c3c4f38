import { addSeconds } from 'date-fns'
import { getScheduledFlowRuns, type GetScheduledFlowRunsOptions, getRunsInWorkQueue } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { type Row, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const due = (seconds: number, row: Row = {}): Row => ({ next_scheduled_start_time: addSeconds(now, seconds), ...row })

describeOnDatabases('the pools and queues that getScheduledFlowRuns polls', (t) => {
  const poll = async (options?: GetScheduledFlowRunsOptions): Promise<string[]> =>
    (await getScheduledFlowRuns(t.db, options)).map(({ flowRun }) => flowRun.id)

  /** Two pools with two queues each, and a run in each queue. */
  const makePools = async (): Promise<{ pools: [string, string]; queues: string[]; runs: string[] }> => {
    const pools: [string, string] = [await t.make.pool(), await t.make.pool()]
    const queues: string[] = []
    for (const [n, work_pool_id] of [...pools, ...pools].entries()) {
      queues.push(await t.make.queue({ work_pool_id, priority: 10 + n }))
    }
    return { pools, queues, runs: await t.make.runs(queues.map((work_queue_id) => ({ work_queue_id }))) }
  }

  test('are all of them, unless ids are given', async () => {
    const { pools, queues, runs } = await makePools()
    expect(await poll()).toEqual(runs)
    expect(await poll({ workPoolIds: undefined, workQueueIds: undefined })).toEqual(runs)
    expect(await poll({ workPoolIds: pools })).toEqual(runs)
    expect(await poll({ workQueueIds: queues })).toEqual(runs)
  })

  test('are those of the ids that are given, in any order, spelling and number', async () => {
    const { pools, queues, runs } = await makePools()
    const [, second = '', third = ''] = queues
    expect(await poll({ workPoolIds: [pools[1]] })).toEqual([runs[1], runs[3]])
    expect(await poll({ workPoolIds: [pools[1].toUpperCase(), testId(404), pools[1]] })).toEqual([runs[1], runs[3]])
    expect(await poll({ workPoolIds: pools.toReversed() })).toEqual(runs)
    expect(await poll({ workQueueIds: [third, second, third] })).toEqual([runs[1], runs[2]])
    expect(await poll({ workQueueIds: [third.toUpperCase(), testId(404)] })).toEqual([runs[2]])
    expect(await poll({ workPoolIds: [testId(404)] })).toEqual([])
    expect(await poll({ workQueueIds: [testId(404)] })).toEqual([])
  })

  test('are those that both lists allow', async () => {
    const { pools, queues, runs } = await makePools()
    const [first = '', second = ''] = queues
    expect(await poll({ workPoolIds: [pools[0]], workQueueIds: [first, second] })).toEqual([runs[0]])
    expect(await poll({ workPoolIds: [pools[0]], workQueueIds: [second] })).toEqual([])
  })

  test('are none when a list is empty', async () => {
    const { pools, queues } = await makePools()
    expect(await poll({ workPoolIds: [] })).toEqual([])
    expect(await poll({ workQueueIds: [] })).toEqual([])
    expect(await poll({ workPoolIds: [], workQueueIds: queues })).toEqual([])
    expect(await poll({ workPoolIds: pools, workQueueIds: [] })).toEqual([])
    expect(await poll({ workPoolIds: pools, workQueueIds: queues })).toHaveLength(4)
  })

  test('are not those that are paused, whatever their status says', async () => {
    const { pools, queues, runs } = await makePools()
    await t.make.set('work_queue', queues[0] ?? '', { is_paused: true, status: 'READY' })
    expect(await poll()).toEqual(runs.slice(1))
    await t.make.set('work_pool', pools[1], { is_paused: true, status: 'READY' })
    expect(await poll()).toEqual([runs[2]])
    expect(await poll({ workPoolIds: [pools[1]] })).toEqual([])
    expect(await poll({ workQueueIds: [queues[0] ?? '', queues[1] ?? ''] })).toEqual([])
    expect(await poll({ respectQueuePriorities: false })).toEqual([runs[2]])
    await t.make.set('work_queue', queues[0] ?? '', { is_paused: false, status: 'PAUSED' })
    await t.make.set('work_pool', pools[1], { is_paused: false, status: 'PAUSED' })
    expect(await poll()).toEqual(runs)
  })

  test('can be told in a thousand ids', async () => {
    const { pools, queues, runs } = await makePools()
    const missing = Array.from({ length: 1000 }, (_, n) => testId(n, 404))
    expect(await poll({ workPoolIds: [...missing, ...pools], workQueueIds: [...missing, ...queues] })).toEqual(runs)
  })

  test('a neighbour pool with the same queue names changes no answer', async () => {
    const makePool = async (): Promise<{ pool: string; queues: string[]; runs: string[] }> => {
      const work_pool_id = await t.make.pool({ concurrency_limit: 4 })
      const low = await t.make.queue({ work_pool_id, name: 'low', priority: 3 })
      const etl = await t.make.queue({ work_pool_id, name: 'etl', priority: 2, concurrency_limit: 2 })
      const named = (work_queue_id: string, work_queue_name: string, row: Row): Row => ({
        work_queue_id,
        work_queue_name,
        ...row,
      })
      const runs = await t.make.runs([
        named(low, 'low', due(1)),
        named(low, 'low', due(0)),
        named(etl, 'etl', due(2)),
        named(etl, 'etl', due(2)),
        named(etl, 'etl', { state_type: 'RUNNING' }),
        named(low, 'low', { state_type: 'PENDING' }),
      ])
      return { pool: work_pool_id, queues: [low, etl], runs }
    }
    const { pool, queues, runs } = await makePool()
    const options: GetScheduledFlowRunsOptions[] = [
      { workPoolIds: [pool] },
      { workQueueIds: queues },
      { workPoolIds: [pool], workQueueIds: queues, limit: 1 },
      { workPoolIds: [pool], respectQueuePriorities: false },
      { workPoolIds: [pool], scheduledBefore: addSeconds(now, 1) },
    ]
    const answers = async (): Promise<unknown[]> => {
      const polled: unknown[] = []
      for (const asked of options) polled.push(await getScheduledFlowRuns(t.db, asked))
      for (const queue of queues) polled.push((await getRunsInWorkQueue(t.db, queue)).runs)
      return polled
    }
    const alone = await answers()
    expect(await poll({ workPoolIds: [pool] })).toEqual([runs[2], runs[1]])

    // Neighbours that have runs due and that are full, paused and resumed.
    const neighbour = await makePool()
    expect(await answers()).toEqual(alone)
    await t.make.runs(
      neighbour.queues.flatMap((work_queue_id) =>
        Array.from({ length: 5 }, () => ({ work_queue_id, state_type: 'RUNNING' })),
      ),
    )
    expect(await answers()).toEqual(alone)
    await t.make.set('work_pool', neighbour.pool, { is_paused: true })
    for (const id of neighbour.queues) await t.make.set('work_queue', id, { is_paused: true, concurrency_limit: 0 })
    expect(await answers()).toEqual(alone)
  })
})
