import { sql } from 'kysely'
import {
  bulkUpdateWorkQueuePriorities,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  deleteWorkPool,
  deleteWorkQueue,
  ensureWorkQueueExists,
  setFlowRunState,
  updateWorkQueue,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, sqliteFile, sqliteMemory } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows } from '../support/factory.js'

// A trigger stands for whatever may go wrong in the middle. Not in a schema, which a trigger would have to know.
describeOnDatabases(
  'an error of the database in the middle',
  (t) => {
    /** Makes the database refuse a kind of write to a table, from now on: of every row, or of some. */
    const refuse = async (write: string, table: string, when = '1 = 1'): Promise<void> => {
      const db = t.database.plain
      if (t.kind.dialect === 'sqlite') {
        await sql`
          create trigger refuse before ${sql.raw(write)} on ${sql.table(table)} when ${sql.raw(when)}
          begin select raise(abort, 'refused by the host'); end
        `.execute(db)
        return
      }
      await sql`
        create function refuse() returns trigger language plpgsql as
        $$ begin raise exception 'refused by the host'; end $$
      `.execute(db)
      await sql`
        create trigger refuse before ${sql.raw(write)} on ${sql.table(table)}
        for each row when (${sql.raw(when)}) execute function refuse()
      `.execute(db)
    }

    /** The call fails with the database's own error, and leaves nothing half done. */
    const leavesNothing = async (call: () => Promise<unknown>): Promise<void> => {
      const before = await allRows(t.database)
      await expect(call()).rejects.toThrow('refused by the host')
      expect(await allRows(t.database)).toEqual(before)
      // The connection is not left in a transaction.
      expect(t.database.statements.at(-1)).toBe('rollback')
    }

    test('of createWorkQueue leaves no queue and no pool', async () => {
      await refuse('insert', 'work_queue')
      await leavesNothing(() => createWorkQueue(t.db, { name: 'etl' }))
    })

    test('of createWorkQueue leaves the other priorities as they were', async () => {
      const workPoolId = await t.make.pool()
      await refuse('update of priority', 'work_queue')
      await leavesNothing(() => createWorkQueue(t.db, { name: 'etl', workPoolId, priority: 1 }))
    })

    test('of ensureWorkQueueExists leaves no queue and no pool', async () => {
      await refuse('update of priority', 'work_queue')
      await leavesNothing(() => ensureWorkQueueExists(t.db, 'etl'))
    })

    test('of updateWorkQueue leaves the queue as it was, and reports nothing', async () => {
      const work_pool_id = await t.make.pool()
      const id = await t.make.queue({ work_pool_id, priority: 2, name: 'etl' })
      await t.make.queue({ work_pool_id, priority: 3, name: 'other' })
      // The queue itself is written, the one in its way is not.
      await refuse('update', 'work_queue', "old.name = 'other'")
      const reported: unknown[] = []
      await leavesNothing(() =>
        updateWorkQueue(
          t.db,
          id,
          { name: 'renamed', isPaused: true, priority: 3 },
          { emitStatusChange: (queue) => reported.push(queue) },
        ),
      )
      expect(reported).toEqual([])
    })

    test('of bulkUpdateWorkQueuePriorities moves no queue', async () => {
      const work_pool_id = await t.make.pool()
      const id = await t.make.queue({ work_pool_id, priority: 2 })
      await refuse('update', 'work_queue')
      await leavesNothing(() => bulkUpdateWorkQueuePriorities(t.db, work_pool_id, { [id]: 1 }))
    })

    test('of deleteWorkQueue leaves the queue and its runs', async () => {
      const id = await t.make.queue()
      await t.make.run({ work_queue_id: id })
      await refuse('delete', 'work_queue')
      await leavesNothing(() => deleteWorkQueue(t.db, id))
    })

    test('of createWorkPool leaves no pool', async () => {
      await refuse('insert', 'work_queue')
      await leavesNothing(() => createWorkPool(t.db, { name: 'pool' }))
    })

    test('of deleteWorkPool leaves the pool, its queues, its workers and its runs', async () => {
      const work_pool_id = await t.make.pool()
      await t.make.run({ work_queue_id: await t.make.queue({ work_pool_id }) })
      await t.make.worker({ work_pool_id })
      await refuse('delete', 'work_pool')
      await leavesNothing(() => deleteWorkPool(t.db, work_pool_id))
    })

    test('of createFlowRuns leaves no run', async () => {
      await refuse('insert', 'flow_run_state')
      await leavesNothing(() =>
        createFlowRuns(
          t.db,
          Array.from({ length: 1500 }, () => ({})),
        ),
      )
    })

    test('of setFlowRunState leaves no state', async () => {
      const id = await t.make.run()
      await refuse('update', 'flow_run')
      await leavesNothing(() => setFlowRunState(t.db, id, { type: 'PENDING' }))
    })
  },
  [sqliteMemory, sqliteFile, postgres],
)
