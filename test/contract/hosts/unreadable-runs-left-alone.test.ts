import { claimRunsInWorkQueue, setFlowRunState, setFlowRunStates } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { databases } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import type { Row } from '../../support/factory.js'

describeOnDatabases(
  'a run that cannot be read',
  (t) => {
    const places: [string, Row, number][] = [
      ['paused', { is_paused: true }, 0],
      ['full', { concurrency_limit: 0 }, 0],
      ['that has room for the run before it alone', { concurrency_limit: 1 }, 1],
      ['with a filter that it does not match', { filter: { tags: ['a'], deployment_ids: null } }, 0],
    ]
    test.each(places)('stops no claim of a queue %s, whatever is known of the queue', async (_, row, claimed) => {
      const queue = await t.make.queue()
      const due = { work_queue_id: queue, tags: [] }
      await t.make.run({ ...due, next_scheduled_start_time: new Date(0) })
      await t.make.run({ ...due, next_scheduled_start_time: new Date(1), state_timestamp: 'yesterday' })
      expect((await claimRunsInWorkQueue(t.db, queue, { limit: 0 })).runs).toEqual([])
      await t.make.set('work_queue', queue, row)
      expect((await claimRunsInWorkQueue(t.db, queue)).runs).toHaveLength(claimed)
      expect((await claimRunsInWorkQueue(t.db, queue)).runs).toEqual([])
    })

    test('stops no change of states that does not find it as expected', async () => {
      const queue = await t.make.queue()
      const run = await t.make.run({ state_id: queue, state_timestamp: 'yesterday' })
      const good = await t.make.run()
      const changes = [
        { id: run, type: 'RUNNING', expectedStateId: run },
        { id: good, type: 'RUNNING' },
      ] as const
      const { changed, conflicts } = await setFlowRunStates(t.db, changes)
      expect(changed.map(({ id }) => id)).toEqual([good])
      expect(conflicts).toEqual([{ id: run, stateId: queue, stateType: 'SCHEDULED' }])
      const asked = setFlowRunState(t.db, run, { type: 'RUNNING' }, { expectedStateTypes: ['PENDING'] })
      await expect(asked).rejects.toMatchObject({ code: 'FLOW_RUN_STATE_CONFLICT', stateId: queue })
      const found = setFlowRunState(t.db, run, { type: 'RUNNING' }, { expectedStateId: queue })
      await expect(found).rejects.toMatchObject({ code: 'UNREADABLE_ROW', column: 'state_timestamp' })
    })
  },
  databases.filter(({ dialect }) => dialect === 'sqlite'),
)
