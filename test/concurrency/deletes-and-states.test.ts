import { type Kysely, sql } from 'kysely'
import {
  deleteWorkPool,
  deleteWorkQueue,
  readFlowRuns,
  setFlowRunState,
  setFlowRunStates,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { testId } from '../support/factory.js'
import { untilWaiting } from './until-waiting.js'

type Db = Kysely<WorkQueueTables>

/** Deletes a pool, or one of its queues: all that it may do with the runs of the queue. */
const deletes: Record<string, (db: Db, ids: { pool: string; queue: string; other: string }) => Promise<boolean>> = {
  'a queue': (db, { queue }) => deleteWorkQueue(db, queue),
  'a queue, cancelling': (db, { queue }) => deleteWorkQueue(db, queue, { waitingRuns: 'cancel' }),
  'a queue, moving': (db, { queue, other }) => deleteWorkQueue(db, queue, { waitingRuns: { moveTo: other } }),
  'a pool': (db, { pool }) => deleteWorkPool(db, pool),
}

describeOnDatabases(
  'a delete locks runs in the order of their ids, as changes of states do:',
  (t) => {
    const states = ['SCHEDULED', 'COMPLETED'] as const
    const cases = Object.entries(deletes).flatMap(([name, remove]) =>
      states.map((state) => [name, state, remove] as const),
    )
    test.each(cases)('%s, of runs that are %s', async (_, state_type, remove) => {
      const pool = await t.make.pool()
      const queue = await t.make.queue({ work_pool_id: pool })
      const other = await t.make.queue()
      // In the table and in its indexes they lie in the opposite order, in which an update would come to them.
      const ids = [3, 2, 1].map((n) => testId(n))
      for (const id of ids) await t.make.run({ id, work_queue_id: queue, state_type })
      await sql`vacuum analyze flow_run`.execute(t.database.plain)
      const [first = '', , last = ''] = ids.toReversed()
      const trx = await t.db.startTransaction().execute()
      await setFlowRunState(trx, first, { type: 'RUNNING' })
      const removed = remove(t.database.connect(), { pool, queue, other })
      await untilWaiting(t.database.plain, 1)
      // If the delete had locked these before it came to the first, this would be a deadlock.
      await setFlowRunStates(trx, [
        { id: ids[1] ?? '', type: 'RUNNING' },
        { id: last, type: 'RUNNING' },
      ])
      await trx.commit().execute()
      expect(await removed).toBe(true)
      const runs = await readFlowRuns(t.db)
      expect(runs.map(({ stateType, workQueueId }) => [stateType, workQueueId])).toEqual(
        ids.map(() => ['RUNNING', null]),
      )
    })
  },
  [postgres],
)
