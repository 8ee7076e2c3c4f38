import { addSeconds } from 'date-fns'
import {
  claimRunsInWorkQueue,
  readLeases,
  releaseExpiredLeases,
  releaseStaleClaims,
  renewLeases,
  setFlowRunState,
  type StateType,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { allRows, testId } from '../../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const at = (seconds: number): Date => addSeconds(now, seconds)

describeOnDatabases('renewLeases', (t) => {
  /** Runs that were claimed in a holder's name, by id. */
  const claimed = async (holder: string, length: number): Promise<string[]> => {
    const queue = await t.make.queue()
    await t.make.runs(
      Array.from({ length }, () => ({ work_queue_id: queue, next_scheduled_start_time: now, state_timestamp: at(-9) })),
    )
    const { runs } = await claimRunsInWorkQueue(t.db, queue, { holder, now })
    return runs.map(({ id }) => id).toSorted()
  }
  const expiries = async (): Promise<Map<string, Date>> =>
    new Map((await readLeases(t.db)).map(({ flowRunId, expiresAt }) => [flowRunId, expiresAt]))
  const leaseRows = async (): Promise<object[]> => (await allRows(t.database))['flow_run_lease'] ?? []
  const enter = (id: string | undefined, type: StateType, seconds: number): Promise<unknown> =>
    setFlowRunState(t.db, id ?? '', { type }, { now: at(seconds) })

  test('prolongs every lease of the holder, and no other', async () => {
    const mine = await claimed('w-1', 3)
    const others = await claimed('w-2', 2)
    expect(await renewLeases(t.db, 'w-1', { now: at(20) })).toEqual({ held: mine, cancelling: [], lost: [] })
    expect(await expiries()).toEqual(
      new Map([...mine, ...others].toSorted().map((id) => [id, mine.includes(id) ? at(80) : at(60)])),
    )
    const [lease] = await readLeases(t.db, { holder: 'w-1', limit: 1 })
    expect(lease).toEqual({ flowRunId: mine[0], holder: 'w-1', acquiredAt: now, expiresAt: at(80) })
  })

  test('for as long as it is asked, from the clock where no time is given', async () => {
    const [run = ''] = await claimed('w-1', 1)
    await renewLeases(t.db, 'w-1', { leaseSeconds: 5, now: at(30) })
    expect((await expiries()).get(run)).toEqual(at(35))
    await renewLeases(t.db, 'w-1', { leaseSeconds: 2 ** 31 - 1, now: new Date('9999-12-31T00:00:00Z') })
    expect((await expiries()).get(run)).toEqual(new Date('9999-12-31T23:59:59.999Z'))
    const before = Date.now()
    await renewLeases(t.db, 'w-1', { leaseSeconds: 100 })
    const seconds = (((await expiries()).get(run)?.getTime() ?? 0) - before) / 1000
    expect(seconds).toBeGreaterThan(99)
    expect(seconds).toBeLessThan(120)
  })

  test('names the runs that are CANCELLING, which it holds too', async () => {
    const runs = await claimed('w-1', 3)
    await enter(runs[0], 'RUNNING', 1)
    await enter(runs[1], 'CANCELLING', 1)
    expect(await renewLeases(t.db, 'w-1', { now: at(2) })).toEqual({ held: runs, cancelling: [runs[1]], lost: [] })
    expect([...(await expiries()).values()]).toEqual([at(62), at(62), at(62)])
  })

  test('only of the runs that are asked for, and names those that it does not hold, in their order', async () => {
    const [a = '', b = '', c = ''] = await claimed('w-1', 3)
    const [other = ''] = await claimed('w-2', 1)
    const nothing = testId(404)
    await enter(c, 'COMPLETED', 1)
    const flowRunIds = [other, c, nothing.toUpperCase(), b, other, b]
    expect(await renewLeases(t.db, 'w-1', { flowRunIds, now: at(2) })).toEqual({
      held: [b],
      cancelling: [],
      lost: [other, c, nothing],
    })
    expect(await expiries()).toEqual(new Map([a, b, other].toSorted().map((id) => [id, id === b ? at(62) : at(60)])))
    expect(await renewLeases(t.db, 'w-1', { flowRunIds: [], now: at(3) })).toEqual({
      held: [],
      cancelling: [],
      lost: [],
    })
    expect((await expiries()).get(b)).toEqual(at(62))
  })

  test('drops the holder’s void leases, also of runs that are not asked for, and no other’s', async () => {
    const runs = await claimed('w-1', 5)
    const [other = ''] = await claimed('w-2', 1)
    await enter(runs[0], 'RUNNING', 1)
    await enter(runs[1], 'COMPLETED', 1)
    await enter(runs[2], 'SCHEDULED', 1)
    await enter(runs[3], 'PAUSED', 1)
    await enter(runs[3], 'RUNNING', 2)
    await enter(other, 'FAILED', 1)
    expect(await leaseRows()).toHaveLength(6)
    expect((await renewLeases(t.db, 'w-1', { flowRunIds: [runs[0] ?? ''], now: at(3) })).held).toEqual([runs[0]])
    expect(await leaseRows()).toMatchObject(
      [runs[0] ?? '', runs[4] ?? '', other].toSorted().map((id) => ({ flow_run_id: id })),
    )
    expect((await renewLeases(t.db, 'w-1', { now: at(4) })).held).toEqual([runs[0], runs[4]])
  })

  test('also of one that has expired and was not released yet, but of none that was', async () => {
    const [a = '', b = ''] = await claimed('w-1', 2)
    expect((await renewLeases(t.db, 'w-1', { flowRunIds: [a], now: at(600) })).held).toEqual([a])
    expect((await releaseExpiredLeases(t.db, { now: at(601) })).map(({ id }) => id)).toEqual([b])
    expect(await renewLeases(t.db, 'w-1', { flowRunIds: [a, b], now: at(602) })).toEqual({
      held: [a],
      cancelling: [],
      lost: [b],
    })
  })

  test('of none that was released and claimed anew, by another holder or by nobody', async () => {
    const [a = '', b = ''] = await claimed('w-1', 2)
    await releaseStaleClaims(t.db, { pendingBefore: at(1), now: at(2) })
    const queue = (
      await t.database.plain.selectFrom('flow_run').select('work_queue_id').where('id', '=', a).execute()
    )[0]
    const claim = (holder?: string): Promise<unknown> =>
      claimRunsInWorkQueue(t.db, queue?.work_queue_id ?? '', { holder, limit: 1, now: at(3) })
    await claim('w-2')
    await claim()
    expect(await renewLeases(t.db, 'w-1', { flowRunIds: [a, b], now: at(4) })).toEqual({
      held: [],
      cancelling: [],
      lost: [a, b],
    })
    expect(await leaseRows()).toMatchObject([{ holder: 'w-2' }])
  })

  test('writes nothing where the holder has none', async () => {
    await claimed('w-1', 2)
    const before = await allRows(t.database)
    expect(await renewLeases(t.db, 'w-3', { flowRunIds: [testId(1)], now: at(5) })).toEqual({
      held: [],
      cancelling: [],
      lost: [testId(1)],
    })
    expect(await allRows(t.database)).toEqual(before)
  })

  test('of a thousand, in one statement on PostgreSQL and two on SQLite', async () => {
    const runs = await claimed('w-1', 1000)
    for (const id of runs.slice(0, 2)) await enter(id, 'FAILED', 1)
    const { statements } = t.database
    const before = statements.length
    expect((await renewLeases(t.db, 'w-1', { flowRunIds: runs, now: at(9) })).lost).toEqual(runs.slice(0, 2))
    const sent = statements.slice(before).map((statement) => statement.trim().split(/\s/)[0] ?? '')
    const writing = sent.filter((verb) => !['begin', 'commit', 'select'].includes(verb))
    // The first update takes SQLite's write lock.
    expect(writing).toEqual(t.kind.dialect === 'postgres' ? ['with'] : ['update', 'update', 'delete'])
    expect(new Set([...(await expiries()).values()].map((time) => time.toISOString()))).toEqual(
      new Set([at(69).toISOString()]),
    )
    expect(await leaseRows()).toHaveLength(998)
  })
})
