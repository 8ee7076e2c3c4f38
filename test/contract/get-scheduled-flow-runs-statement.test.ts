import {
  getScheduledFlowRuns,
  type GetScheduledFlowRunsOptions,
  type Session,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { databases } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')

const everyShape: GetScheduledFlowRunsOptions[] = [
  {},
  { workPoolIds: [testId(1)] },
  { workQueueIds: [testId(1)] },
  { scheduledBefore: now },
  { scheduledAfter: now, limit: 10 },
  { respectQueuePriorities: false },
  { workPoolIds: [], workQueueIds: [], scheduledBefore: now, scheduledAfter: now, limit: 0 },
]

describeOnDatabases('a poll of pools', (t) => {
  test('is exactly one statement, which writes nothing and locks nothing outside a transaction', async () => {
    const work_pool_id = await t.make.pool({ concurrency_limit: 3 })
    const work_queue_id = await t.make.queue({ work_pool_id, concurrency_limit: 2 })
    await t.make.runs([{ work_queue_id }, { work_queue_id, state_type: 'RUNNING' }, { work_queue_id }])
    const before = await allRows(t.database)
    for (const options of everyShape) {
      t.database.statements.length = 0
      await getScheduledFlowRuns(t.db, options)
      expect(t.database.statements).toHaveLength(1)
      expect(t.database.statements[0]).toMatch(/^\s*with/)
      expect(t.database.statements[0]).not.toMatch(/\b(?:for update|for no key update|insert|delete)\b/)
    }
    expect(await allRows(t.database)).toEqual(before)
  })

  test('is one statement with the same answer inside a transaction', async () => {
    const work_queue_id = await t.make.queue()
    await t.make.runs([{ work_queue_id }, { work_queue_id }])
    const outside = await getScheduledFlowRuns(t.db)
    expect(outside).toHaveLength(2)
    await t.db.transaction().execute(async (trx) => {
      for (const options of everyShape) {
        t.database.statements.length = 0
        await getScheduledFlowRuns(trx, options)
        expect(t.database.statements).toHaveLength(1)
      }
      expect(await getScheduledFlowRuns(trx)).toEqual(outside)
    })
  })
})

describeOnDatabases(
  'polls of pools in transactions',
  (t) => {
    const poll = async (session: Session<WorkQueueTables>, options?: GetScheduledFlowRunsOptions): Promise<string[]> =>
      (await getScheduledFlowRuns(session, options)).map(({ flowRun }) => flowRun.id)
    /** The rows that another session cannot lock now. */
    const locked = async (
      table: 'flow_run' | 'work_queue' | 'work_pool',
      ids: readonly string[],
    ): Promise<string[]> => {
      const rows = t.database.plain.selectFrom(table).select('id')
      const free = await rows
        .where('id', 'in', [...ids])
        .forUpdate()
        .skipLocked()
        .execute()
      return ids.filter((id) => !free.some((row) => row.id === id))
    }

    test('the runs that are returned are locked until the end, and no others', async () => {
      const work_pool_id = await t.make.pool({ concurrency_limit: 5 })
      const first = await t.make.queue({ work_pool_id, priority: 2, concurrency_limit: 2 })
      const second = await t.make.queue({ work_pool_id, priority: 3 })
      const runs = await t.make.runs(
        [first, first, first, second, second, second].map((work_queue_id) => ({ work_queue_id })),
      )
      const expected = [runs[0], runs[1], runs[3], runs[4]]
      await t.db.transaction().execute(async (trx) => {
        expect(await poll(trx, { limit: 4 })).toEqual(expected)
        expect(await locked('flow_run', runs)).toEqual(expected)
      })
      expect(await locked('flow_run', runs)).toEqual([])
    })

    test('a second transaction passes over what the first one has, and gets what comes next', async () => {
      const work_pool_id = await t.make.pool()
      const first = await t.make.queue({ work_pool_id, priority: 2 })
      const second = await t.make.queue({ work_pool_id, priority: 3 })
      const runs = await t.make.runs([first, first, second, second].map((work_queue_id) => ({ work_queue_id })))
      await t.db.transaction().execute(async (one) => {
        expect(await poll(one, { limit: 1 })).toEqual(runs.slice(0, 1))
        await t.db.transaction().execute(async (two) => {
          expect(await poll(two, { limit: 2 })).toEqual(runs.slice(1, 3))
          expect(await poll(two)).toEqual(runs.slice(1))
        })
        expect(await poll(one)).toEqual(runs)
      })
      expect(await poll(t.db)).toEqual(runs)
    })

    test('two transactions that poll equal priorities and several pools share the runs out', async () => {
      const queues = [
        await t.make.queue({ priority: 5 }),
        await t.make.queue({ priority: 5 }),
        await t.make.queue({ priority: 6 }),
      ]
      const runs = await t.make.runs(Array.from({ length: 9 }, (_, n) => ({ work_queue_id: queues[n % 3] ?? '' })))
      await t.db.transaction().execute(async (one) => {
        const taken = await poll(one, { limit: 4, respectQueuePriorities: false })
        expect(taken).toEqual(runs.slice(0, 4))
        expect(await locked('flow_run', taken)).toEqual(taken)
        await t.db.transaction().execute(async (two) => {
          for (const id of await poll(two)) expect(taken).not.toContain(id)
        })
      })
      expect(await locked('flow_run', runs)).toEqual([])
    })

    test('a poll outside a transaction neither locks nor passes over locked runs', async () => {
      const work_queue_id = await t.make.queue()
      const runs = await t.make.runs([{ work_queue_id }, { work_queue_id }])
      await t.db.transaction().execute(async (trx) => {
        expect(await poll(trx, { limit: 1 })).toEqual(runs.slice(0, 1))
        expect(await poll(t.db)).toEqual(runs)
        expect(await locked('flow_run', runs)).toEqual(runs.slice(0, 1))
      })
    })

    test('queues and pools are not locked, so that polls do not wait for each other', async () => {
      const pool = await t.make.pool({ concurrency_limit: 5 })
      const queue = await t.make.queue({ work_pool_id: pool, concurrency_limit: 5 })
      const run = await t.make.run({ work_queue_id: queue })
      const trx = await t.db.startTransaction().execute()
      expect(await poll(trx)).toEqual([run])
      expect(await locked('work_queue', [queue])).toEqual([])
      expect(await locked('work_pool', [pool])).toEqual([])
      expect(await locked('flow_run', [run])).toEqual([run])
      await trx.rollback().execute()
    })
  },
  databases.filter(({ dialect }) => dialect === 'postgres'),
)
