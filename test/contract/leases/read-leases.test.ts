import { addSeconds } from 'date-fns'
import { readLeases, type ReadLeasesOptions } from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { type Row, testId } from '../../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const at = (seconds: number): Date => addSeconds(now, seconds)

describeOnDatabases('readLeases', (t) => {
  let states = 0
  /** Runs that are PENDING, or what the row says, each with a lease. */
  const leased = async (rows: readonly Row[], lease: Row = {}): Promise<string[]> => {
    const runs = rows.map((row) => ({ state_type: 'PENDING', state_id: testId(++states, 4), ...row }))
    const ids = await t.make.runs(runs)
    for (const [n, flow_run_id] of ids.entries()) {
      await t.make.lease({ flow_run_id, state_id: runs[n]?.state_id ?? '', acquired_at: now, ...lease })
    }
    return ids
  }
  const read = async (options: ReadLeasesOptions = {}): Promise<string[]> =>
    (await readLeases(t.db, options)).map(({ flowRunId }) => flowRunId)

  test('reads who holds each, since when and until when', async () => {
    const [run = ''] = await leased([{}], { holder: 'w-7', acquired_at: at(-1), expires_at: at(59) })
    expect(await readLeases(t.db)).toEqual([{ flowRunId: run, holder: 'w-7', acquiredAt: at(-1), expiresAt: at(59) }])
  })

  test('by run id, a page of them', async () => {
    const ids = await leased([{ id: testId(7, 3) }, { id: testId(5, 3) }, { id: testId(6, 3) }])
    const sorted = ids.toSorted()
    expect(await read()).toEqual(sorted)
    expect(await read({ limit: 2 })).toEqual(sorted.slice(0, 2))
    expect(await read({ limit: 2, offset: 2 })).toEqual(sorted.slice(2))
    expect(await read({ offset: 1 })).toEqual(sorted.slice(1))
    expect(await read({ limit: 0 })).toEqual([])
  })

  test('of one holder, as it is spelled', async () => {
    const [one] = await leased([{}], { holder: 'w' })
    const [other] = await leased([{}], { holder: 'W' })
    await leased([{}], { holder: 'w%' })
    expect(await read({ holder: 'w' })).toEqual([one])
    expect(await read({ holder: 'W' })).toEqual([other])
    expect(await read({ holder: 'x' })).toEqual([])
  })

  test('also what has expired, as long as its run holds the slot, and nothing of runs that do not', async () => {
    const held: string[] = []
    for (const state_type of [...STATE_TYPES, null]) {
      const [run = ''] = await leased([{ state_type }], { expires_at: at(-60) })
      if (['PENDING', 'RUNNING', 'CANCELLING'].includes(state_type ?? '')) held.push(run)
    }
    expect(held).toHaveLength(3)
    expect(await read()).toEqual(held)
  })

  test('of runs that belong to queues, or to the queues of pools, by id and by name in the default agent pool', async () => {
    const agent = await t.make.agentQueue({ name: 'etl' })
    const home = await t.database.plain
      .selectFrom('work_queue')
      .select('work_pool_id')
      .where('id', '=', agent)
      .execute()
    const homeId = home[0]?.work_pool_id ?? ''
    const pool = await t.make.pool()
    const [a, b] = [
      await t.make.queue({ work_pool_id: pool, name: 'etl' }),
      await t.make.queue({ work_pool_id: pool, name: 'b' }),
    ]
    const [ofAgent, byName, ofA, ofB, nowhere] = await leased([
      { work_queue_id: agent, work_queue_name: 'etl' },
      { work_queue_name: 'etl' },
      { work_queue_id: a, work_queue_name: 'etl' },
      { work_queue_id: b },
      { work_queue_name: 'b' },
    ])
    expect(await read()).toEqual([ofAgent, byName, ofA, ofB, nowhere])
    expect(await read({ workQueueIds: [agent.toUpperCase()] })).toEqual([ofAgent, byName])
    expect(await read({ workQueueIds: [a, b] })).toEqual([ofA, ofB])
    expect(await read({ workPoolIds: [pool] })).toEqual([ofA, ofB])
    expect(await read({ workPoolIds: [homeId] })).toEqual([ofAgent, byName])
    expect(await read({ workPoolIds: [homeId, pool], limit: 1, offset: 2 })).toEqual([ofA])
    expect(await read({ workPoolIds: [pool], workQueueIds: [a, agent] })).toEqual([ofA])
    expect(await read({ workQueueIds: [testId(404)] })).toEqual([])
    expect(await read({ workQueueIds: [] })).toEqual([])
    expect(await read({ workPoolIds: [] })).toEqual([])
  })
})
