import { createContext, runInContext } from 'node:vm'
import {
  bulkUpdateWorkQueuePriorities,
  claimScheduledFlowRuns,
  createFlowRun,
  decodeTime,
  encodeTime,
  getRunsInWorkQueue,
  markLateFlowRuns,
  pruneFlowRuns,
  readFlowRun,
  readWorkQueue,
  updateWorkQueue,
} from 'kysely-work-queues'
import { rebalancePriorities } from 'kysely-work-queues/rules'
import { describe, expect, test, vi } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'

// What a test runner, a sandbox, a native addon or `structuredClone` beside them hands over: the classes of another realm.
const realm = createContext({})
const there = <T>(code: string): T => runInContext(code, realm) as T
const TEXT = '2035-01-01T12:00:00.123Z'
const now = new Date(TEXT)

/** Dates that are none of the global class, by what made them. */
const dates: readonly (readonly [string, () => Date])[] = [
  ['of another realm', () => there<Date>(`new Date('${TEXT}')`)],
  ['of a class of their own', () => new (class Moment extends Date {})(TEXT)],
]

describeOnDatabases('values of another realm', (t) => {
  test.each(dates)('dates %s', async (_, make) => {
    const date = make()
    const workQueueId = await t.make.queue({ status: 'PAUSED', is_paused: true })
    const { flowRun } = await createFlowRun(
      t.db,
      { workQueueId, nextScheduledStartTime: date, startTime: date },
      { now },
    )
    expect(flowRun).toMatchObject({ nextScheduledStartTime: now, expectedStartTime: now, startTime: now })
    expect(await updateWorkQueue(t.db, workQueueId, { isPaused: false, lastPolled: date }, { now: date })).toBe(true)
    expect(await readWorkQueue(t.db, workQueueId)).toMatchObject({ status: 'READY', lastPolled: now })
    expect((await getRunsInWorkQueue(t.db, workQueueId, { scheduledBefore: date })).runs).toEqual([flowRun])
    expect(await markLateFlowRuns(t.db, { scheduledBefore: date, now: date })).toHaveLength(1)
    expect(await claimScheduledFlowRuns(t.db, { scheduledBefore: date, now: date })).toHaveLength(1)
    const ended = await t.make.runs(
      [1, 2].map((ms) => ({ state_type: 'FAILED', end_time: new Date(now.getTime() - ms) })),
    )
    expect(await pruneFlowRuns(t.db, { finishedBefore: date, limit: 1 })).toEqual([ended[1]])
    expect(await pruneFlowRuns(t.db, { finishedBefore: { FAILED: date } })).toEqual([ended[0]])
    expect(decodeTime(encodeTime(t.db, date))).toEqual(now)
    expect(decodeTime(date)).toEqual(now)
  })

  test('a date made before a fake clock took the place of its class, and one made by it', async () => {
    const workQueueId = await t.make.queue()
    const Real = Date
    vi.stubGlobal('Date', class Fake extends Real {})
    try {
      const fake = new Date(TEXT)
      expect(now).not.toBeInstanceOf(Date)
      for (const date of [now, fake]) {
        const { flowRun } = await createFlowRun(t.db, { workQueueId, nextScheduledStartTime: date })
        expect(flowRun.nextScheduledStartTime?.getTime()).toBe(now.getTime())
        const { runs } = await getRunsInWorkQueue(t.db, workQueueId, { scheduledBefore: date })
        expect(runs.map(({ id }) => id)).toContain(flowRun.id)
        expect(encodeTime(t.db, date)).toBe(encodeTime(t.db, fake))
      }
    } finally {
      vi.unstubAllGlobals()
    }
  })

  test('what is no date, or an invalid one, is refused from wherever it is', async () => {
    const workQueueId = await t.make.queue()
    const none = [
      there('new Date(NaN)'),
      new Proxy(now, {}),
      Object.create(Date.prototype),
      new Map(),
      { getTime: () => 1 },
    ]
    for (const scheduledBefore of none as Date[]) {
      const call = getRunsInWorkQueue(t.db, workQueueId, { scheduledBefore })
      await expect(call).rejects.toMatchObject({
        issues: [{ path: 'scheduledBefore', message: 'must be a valid Date' }],
      })
      const finished = pruneFlowRuns(t.db, { finishedBefore: scheduledBefore })
      await expect(finished).rejects.toMatchObject({ name: 'InvalidInputError' })
    }
    expect(t.database.statements).toEqual([])
  })

  test('maps of priorities, of another realm or a class of their own', async () => {
    const workPoolId = await t.make.pool()
    const queue = await t.make.queue({ work_pool_id: workPoolId, priority: 1 })
    const mapThere = there<(id: string, priority: number) => Map<string, number>>('(...pair) => new Map([pair])')
    const mapsOf: ((priority: number) => ReadonlyMap<string, number>)[] = [
      (priority) => mapThere(queue, priority),
      (priority) => new (class Priorities extends Map<string, number> {})([[queue, priority]]),
    ]
    for (const [n, mapOf] of mapsOf.entries()) {
      await bulkUpdateWorkQueuePriorities(t.db, workPoolId, mapOf(n + 5))
      expect((await readWorkQueue(t.db, queue))?.priority).toBe(n + 5)
      expect(rebalancePriorities([{ id: queue, priority: 1 }], mapOf(n + 5))).toEqual(new Map([[queue, n + 5]]))
    }
  })

  test('JSON, lists and options', async () => {
    const parameters = there<Record<string, unknown>>('({ a: { b: [1, { c: null }] } })')
    const input = { parameters, tags: there<string[]>('["x"]'), labels: there<Record<string, unknown>>('({ a: 1 })') }
    const { flowRun } = await createFlowRun(t.db, input)
    expect(await readFlowRun(t.db, flowRun.id)).toMatchObject({
      parameters: { a: { b: [1, { c: null }] } },
      tags: ['x'],
      labels: { a: 1 },
    })
  })
})

describe('lists of pairs', () => {
  test('are no map', () => {
    const pairs = [['a', 2]] as unknown as ReadonlyMap<string, number>
    expect(rebalancePriorities([{ id: 'a', priority: 1 }], pairs)).toEqual(new Map())
  })
})
