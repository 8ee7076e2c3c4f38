import { createFlowRuns, createWorkQueue, setFlowRunState } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { testId } from '../support/factory.js'
import { startServer } from './serve-example.js'

describeOnDatabases(
  'flow runs of the example of a REST server',
  (t) => {
    test('are found by what a client asks, and read by id', async () => {
      await using server = await startServer(t.db)
      const queue = await createWorkQueue(t.db, { name: 'etl' })
      const start = new Date('2026-01-01T12:00:00Z')
      const deploymentId = testId(5)
      const runs = await createFlowRuns(t.db, [
        { name: 'a', workQueueId: queue.id, workQueueName: 'etl', nextScheduledStartTime: start, tags: ['x', 'y'] },
        { name: 'b', deploymentId, nextScheduledStartTime: new Date('2026-01-02T12:00:00Z') },
        { name: 'c', nextScheduledStartTime: start },
      ])
      const [a, b, c] = runs.map(({ id }) => id)
      await setFlowRunState(t.db, c ?? '', { type: 'CANCELLING' })

      const everything = { id: null, name: null, tags: null, deployment_id: null, state: null, operator: 'and_' }
      for (const [criterion, names] of [
        [undefined, ['a', 'b', 'c']],
        [null, ['a', 'b', 'c']],
        [{}, ['a', 'b', 'c']],
        [everything, ['a', 'b', 'c']],
        [{ id: { any_: [a?.replaceAll('-', ''), c], not_any_: null } }, ['a', 'c']],
        [{ id: { any_: [] } }, []],
        [{ name: { any_: ['b'], like_: null } }, ['b']],
        [{ deployment_id: { operator: null, any_: [`{${deploymentId}}`], is_null_: null } }, ['b']],
        [{ work_queue_name: { any_: ['etl'] } }, ['a']],
        [{ tags: { operator: 'and_', all_: ['y', 'x'], any_: null } }, ['a']],
        [{ state: { operator: 'and_', type: { any_: ['SCHEDULED'] }, name: null } }, ['a', 'b']],
        [{ state: { name: { any_: ['Cancelling'] } }, id: { any_: [a, b, c] } }, ['c']],
        [{ next_scheduled_start_time: { before_: '2026-01-01 12:00:00+00:00' } }, ['a', 'c']],
        [{ next_scheduled_start_time: { after_: '2026-01-01T12:00:01', before_: null } }, ['b']],
      ] as const) {
        const found = await server.send('POST', '/flow_runs/filter', { flow_runs: criterion, sort: null })
        expect([criterion, found.body.map(({ name }: { name: string }) => name)]).toEqual([
          criterion,
          names.toReversed(),
        ])
        const count = await server.send('POST', '/flow_runs/count', { flow_runs: criterion, flows: null })
        expect(count.body).toBe(names.length)
      }
      for (const [order, names] of [
        ['ID_DESC', ['c', 'b', 'a']],
        ['NEXT_SCHEDULED_START_TIME_ASC', ['a', 'c', 'b']],
        ['END_TIME_DESC', ['a', 'b', 'c']],
      ] as const) {
        const { body } = await server.send('POST', '/flow_runs/filter', { sort: order })
        expect([order, body.map(({ name }: { name: string }) => name)]).toEqual([order, names])
        const paged = await server.send('POST', '/flow_runs/paginate', { sort: order, limit: 2, page: 2 })
        expect(paged.body.results).toMatchObject([{ name: names[2] }])
      }
      const second = await server.send('POST', '/flow_runs/filter', { limit: 1, offset: 1 })
      expect(second.body).toMatchObject([{ name: 'b' }])

      const read = await server.send('GET', `/flow_runs/${c}`)
      expect(read.body).toMatchObject({ id: c, name: 'c', state_type: 'CANCELLING', state: { type: 'CANCELLING' } })
      expect((await server.send('GET', `/flow_runs/${testId(7)}`)).status).toBe(404)
    })

    test('are not found by what the library cannot ask: that is refused, not passed over', async () => {
      await using server = await startServer(t.db)
      await createFlowRuns(t.db, [{ name: 'a' }])
      for (const [body, ...loc] of [
        [{ flow_runs: { state: { type: { not_any_: ['RUNNING'] } } } }, 'flow_runs', 'state', 'type', 'not_any_'],
        [{ flow_runs: { state: { type: { any_: ['NEW'] } } } }, 'flow_runs', 'state', 'type', 'any_', 0],
        [{ flow_runs: { operator: 'or_' } }, 'flow_runs', 'operator'],
        [{ flow_runs: { id: { any_: ['x'] } } }, 'flow_runs', 'id', 'any_', 0],
        [{ flow_runs: { start_time: { before_: '2026-01-01' } } }, 'flow_runs', 'start_time'],
        [{ flows: { name: { any_: ['f'] } } }, 'flows', 'name'],
        [{ task_runs: {} }, 'task_runs'],
        [{ work_pools: { status: {} } }, 'work_pools', 'status'],
        [{ sort: 'START_TIME_ASC' }, 'sort'],
      ] as const) {
        const { status, body: answer } = await server.send('POST', '/flow_runs/filter', body)
        expect([body, status]).toEqual([body, 422])
        expect(answer.exception_detail).toMatchObject([{ loc: ['body', ...loc] }])
      }
    })
  },
  [sqliteMemory, postgres],
)
