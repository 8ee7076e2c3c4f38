import {
  claimScheduledFlowRuns,
  deleteWorkPool,
  readWorkers,
  readWorkPool,
  recordWorkerHeartbeat,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { untilWaiting } from './until-waiting.js'

// A delete of a pool locks its workers before it waits at the gate. A worker that is new by then is locked by nobody: it may be in the
// hands of a transaction that goes on to the gate, or of a second delete that waits there.

describeOnDatabases(
  'a delete of a pool that gets a new worker while the delete waits at the gate',
  (t) => {
    test('goes after a transaction of the new worker, which then claims', async () => {
      const pool = await t.make.pool({ status: 'READY' })
      const queue = await t.make.queue({ work_pool_id: pool })
      await t.make.runs([{ work_queue_id: queue, next_scheduled_start_time: new Date(0) }])
      const claiming = await t.db.startTransaction().execute()
      await claimScheduledFlowRuns(claiming, { workPoolIds: [pool], limit: 0 })
      const deleted = deleteWorkPool(t.database.connect(), pool)
      await untilWaiting(t.database.plain, 1)

      await recordWorkerHeartbeat(t.database.connect(), pool, 'new')
      const worker = await t.database.connect().startTransaction().execute()
      await recordWorkerHeartbeat(worker, pool, 'new')
      await claiming.commit().execute()
      await untilWaiting(t.database.plain, 1)
      expect(await claimScheduledFlowRuns(worker, { workPoolIds: [pool] })).toHaveLength(1)
      await worker.commit().execute()
      expect(await deleted).toBe(true)
      expect(await readWorkPool(t.db, pool)).toBeUndefined()
    })

    test('goes before a second delete, which then finds nothing', async () => {
      const pool = await t.make.pool({ status: 'READY' })
      const claiming = await t.db.startTransaction().execute()
      await claimScheduledFlowRuns(claiming, { workPoolIds: [pool], limit: 0 })
      const first = deleteWorkPool(t.database.connect(), pool)
      await untilWaiting(t.database.plain, 1)
      await recordWorkerHeartbeat(t.database.connect(), pool, 'new')
      const second = deleteWorkPool(t.database.connect(), pool)
      await untilWaiting(t.database.plain, 2)
      await claiming.commit().execute()
      expect(new Set([await first, await second])).toEqual(new Set([false, true]))
      expect(await readWorkers(t.db, pool)).toEqual([])
    })
  },
  [postgres],
)
