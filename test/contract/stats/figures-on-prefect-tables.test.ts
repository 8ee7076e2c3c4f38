import { addSeconds } from 'date-fns'
import {
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  readNextStartTime,
  readWorkPoolStats,
  readWorkQueueStats,
  recordWorkerHeartbeat,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { testId } from '../../support/factory.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { prefectDatabases } from '../../support/prefect-databases.js'

const now = new Date('2035-01-01T12:00:00.123Z')

describeOnDatabases(
  'figures on an unmodified Prefect database',
  (t) => {
    test('are those on our tables', async () => {
      const { id: workPoolId } = await createWorkPool(t.db, { name: 'etl', type: 'process', concurrencyLimit: 3 })
      const nightly = await createWorkQueue(t.db, { name: 'nightly', workPoolId })
      const filter = { tags: ['a'], deploymentIds: null }
      const tagged = await createWorkQueue(t.db, { name: 'tagged', workPoolId, filter })
      await recordWorkerHeartbeat(t.db, workPoolId, 'worker')
      const due = { workQueueId: nightly.id, nextScheduledStartTime: addSeconds(now, -1) }
      await createFlowRuns(t.db, [
        { ...due, tags: ['a'], deploymentId: testId(1), stateName: 'Late' },
        { ...due, tags: ['a'] },
        { ...due, nextScheduledStartTime: addSeconds(now, 1) },
        { ...due, stateType: 'RUNNING' },
        { ...due, empiricalPolicy: { retry_type: 'in_process' } },
      ])
      const figures = { due: 3, late: 1, scheduled: 4, active: 1, startable: 2, oldestDueTime: addSeconds(now, -1) }
      expect(await readWorkQueueStats(t.db, { workQueueIds: [nightly.id, tagged.id], now })).toMatchObject([
        { workQueueName: 'nightly', ...figures, openSlots: null },
        { workQueueName: 'tagged', due: 1, late: 1, scheduled: 1, active: 0, startable: 0 },
      ])
      expect(await readWorkPoolStats(t.db, { workPoolIds: [workPoolId], now })).toMatchObject([
        { workPoolName: 'etl', ...figures, openSlots: 2, workersOnline: 1 },
      ])
      expect(await readNextStartTime(t.db, { workPoolIds: [workPoolId] })).toEqual(addSeconds(now, -1))
    })
  },
  prefectDatabases,
)
