import fc from 'fast-check'
import { explainFlowRun } from 'kysely-work-queues'
import { belongsToWorkQueue } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { testId } from '../../support/factory.js'
import { ids, now, running, viewsOf, viewsOfRuns, waiting } from './views.js'

const names = fc.constantFrom('a', 'b')
const poolNames = ['default-agent-pool', 'Default-agent-pool', 'other']
const worlds = fc.record({
  pools: fc.subarray(poolNames, { minLength: 1 }),
  queues: fc.uniqueArray(fc.record({ pool: fc.nat({ max: 2 }), name: names }), {
    minLength: 1,
    maxLength: 6,
    selector: ({ pool, name }) => `${pool} ${name}`,
  }),
  runs: fc.array(
    fc.record({
      queue: fc.option(fc.nat({ max: 5 })),
      name: fc.option(fc.constantFrom('a', 'b', 'c', 'A')),
      isActive: fc.boolean(),
    }),
    { maxLength: 12 },
  ),
})

describeOnDatabases(
  'the rule of membership',
  (t) => {
    test('is the same in SQL: each run is seen by the queue that it belongs to, and by no other', async () => {
      await fc.assert(
        fc.asyncProperty(worlds, async ({ pools, queues, runs }) => {
          for (const table of ['flow_run', 'work_queue', 'work_pool'] as const) {
            await t.database.plain.deleteFrom(table).execute()
          }
          await t.make.rows(
            'work_pool',
            pools.map((name, n) => ({ id: testId(n, 1), name, type: 'process' })),
          )
          const made = queues
            .filter(({ pool }) => pool < pools.length)
            .map(({ pool, name }, n) => ({ id: testId(n, 2), name, pool, workPoolName: pools[pool] as string }))
          if (made.length === 0) return
          await t.make.rows(
            'work_queue',
            made.map(({ id, name, pool }, n) => ({ id, name, work_pool_id: testId(pool, 1), priority: n + 1 })),
          )
          const all = runs.map(({ queue, name, isActive }, n) => ({
            id: testId(n, 3),
            workQueueId: queue === null ? null : (made[queue % made.length]?.id ?? null),
            workQueueName: name,
            isActive,
          }))
          if (all.length > 0) {
            await t.make.runs(
              all.map(({ id, workQueueId, workQueueName, isActive }) => ({
                ...(isActive ? running : waiting),
                id,
                work_queue_id: workQueueId,
                work_queue_name: workQueueName,
              })),
            )
          }
          for (const queue of made) {
            const members = all.filter((run) => belongsToWorkQueue(run, queue))
            const waits = members.filter(({ isActive }) => !isActive)
            const runs = members.filter(({ isActive }) => isActive)
            expect(await viewsOf(t, queue.id)).toEqual(viewsOfRuns(ids(waits), ids(runs)))
          }
          for (const run of all) {
            const owners = made.filter((queue) => belongsToWorkQueue(run, queue))
            expect(owners.length).toBeLessThanOrEqual(1)
            const { reasons } = await explainFlowRun(t.db, run.id, { now })
            expect(reasons.some(({ kind }) => kind === 'no-queue')).toBe(owners.length === 0)
          }
        }),
        { seed: 20_261_125, numRuns: 60 },
      )
    })
  },
  [sqliteMemory, postgres],
)
