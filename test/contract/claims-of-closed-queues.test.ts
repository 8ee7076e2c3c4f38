import { claimRunsInWorkQueue } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, type Row, testId } from '../support/factory.js'

// A claim that hands out nothing has taken nothing either: what it took and did not return would be lost.

const now = new Date('2035-01-01T12:00:00.123Z')

const closed: Record<string, { readonly pool?: Row; readonly queue?: Row }> = {
  'paused queue': { queue: { is_paused: true } },
  'queue of a paused pool': { pool: { is_paused: true } },
  'queue that takes runs by their deployment, of a paused pool': {
    pool: { is_paused: true },
    queue: { filter: { tags: null, deployment_ids: null } },
  },
  'queue without an open slot': { queue: { concurrency_limit: 0 } },
  'queue of a pool without an open slot': { pool: { concurrency_limit: 0 } },
  'queue that takes other runs, by their tags': { queue: { filter: { tags: ['other'], deployment_ids: null } } },
}

const pools: Record<string, Row> = {
  'a pool': { name: 'pool' },
  'the default agent pool': { name: 'default-agent-pool', type: 'prefect-agent' },
}

describeOnDatabases('a claim of a closed queue', (t) => {
  const claim = async (id: string): Promise<number> => (await claimRunsInWorkQueue(t.db, id, { now })).runs.length

  const expectNothingTaken = async (id: string): Promise<void> => {
    const before = await allRows(t.database)
    expect(await claim(id)).toBe(0)
    expect(await allRows(t.database)).toEqual(before)
    const inTransaction = await t.db.transaction().execute((trx) => claimRunsInWorkQueue(trx, id, { now }))
    expect(inTransaction.runs).toEqual([])
    expect((await allRows(t.database))['flow_run']).toEqual(before['flow_run'])
  }

  const cases = Object.entries(closed).flatMap(([title, rows]) =>
    Object.entries(pools).map(([where, pool]) => [title, where, { ...pool, ...rows.pool }, rows.queue ?? {}] as const),
  )

  test.each(cases)('takes nothing of a %s, in %s, when it is the first', async (_, __, pool, queue) => {
    const id = await t.make.queue({ work_pool_id: await t.make.pool(pool), ...queue })
    await t.make.run({ work_queue_id: id, deployment_id: testId(1), next_scheduled_start_time: now })
    await expectNothingTaken(id)
  })

  test.each(cases)('takes nothing of a %s, in %s, that was open a claim ago', async (_, where, pool, queue) => {
    const work_pool_id = await t.make.pool(pools[where])
    const id = await t.make.queue({ work_pool_id })
    await t.make.runs([
      { work_queue_id: id, deployment_id: testId(1), next_scheduled_start_time: now },
      { work_queue_id: id, deployment_id: testId(1), next_scheduled_start_time: now },
    ])
    const { runs } = await claimRunsInWorkQueue(t.db, id, { now, limit: 1 })
    expect(runs).toHaveLength(1)
    await t.make.set('work_pool', work_pool_id, pool)
    if (Object.keys(queue).length > 0) await t.make.set('work_queue', id, queue)
    await expectNothingTaken(id)
  })
})
