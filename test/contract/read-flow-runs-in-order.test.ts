import { addSeconds } from 'date-fns'
import { type FlowRun, readFlowRuns, type ReadFlowRunsOptions } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import type { Row } from '../support/factory.js'
import { testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const times = [now, addSeconds(now, 1), addSeconds(now, -1), null]

type Time = 'nextScheduledStartTime' | 'endTime' | 'created'

/** The order that is promised, by sorting here: nulls last and ties by id, in both directions. */
function sorted(runs: readonly FlowRun[], by: Time, descending: boolean): string[] {
  const direction = descending ? -1 : 1
  const compare = (a: FlowRun, b: FlowRun): number => {
    const [one, other] = [a[by], b[by]]
    if (one !== null && other !== null && one.getTime() !== other.getTime()) {
      return direction * (one.getTime() - other.getTime())
    }
    if ((one === null) !== (other === null)) return one === null ? 1 : -1
    return a.id < b.id ? -1 : 1
  }
  return runs.toSorted(compare).map(({ id }) => id)
}

describeOnDatabases('readFlowRuns in an order', (t) => {
  const ids = async (options: ReadFlowRunsOptions): Promise<string[]> =>
    (await readFlowRuns(t.db, options)).map(({ id }) => id)

  /** Runs whose times tie and are absent, made in another order than that of their ids. */
  const makeRuns = async (row: (n: number) => Row = () => ({})): Promise<void> => {
    await t.make.runs(
      Array.from({ length: 16 }, (_, n) => ({
        id: testId((n * 7) % 16),
        next_scheduled_start_time: times[n % 4] ?? null,
        end_time: times[Math.floor(n / 4)] ?? null,
        created: times[n % 3] ?? null,
        ...row(n),
      })),
    )
  }

  test.each(['nextScheduledStartTime', 'endTime', 'created'] as const)(
    'by %s: nulls last and ties by id, in both directions, a page at a time',
    async (orderBy) => {
      await makeRuns()
      const runs = await readFlowRuns(t.db)
      for (const descending of [false, true]) {
        const expected = sorted(runs, orderBy, descending)
        expect(await ids({ orderBy, descending })).toEqual(expected)
        for (const [limit, offset] of [
          [5, 0],
          [5, 5],
          [9, 10],
          [3, 16],
          [0, 0],
        ] as const) {
          const part = expected.slice(offset, offset + limit)
          expect(await ids({ orderBy, descending, limit, offset })).toEqual(part)
        }
        expect(await ids({ orderBy, descending, offset: 11 })).toEqual(expected.slice(11))
      }
    },
  )

  test('by id, which is the default, in both directions', async () => {
    await makeRuns()
    const expected = Array.from({ length: 16 }, (_, n) => testId(n))
    expect(await ids({})).toEqual(expected)
    expect(await ids({ orderBy: 'id', descending: false })).toEqual(expected)
    expect(await ids({ descending: true })).toEqual(expected.toReversed())
    expect(await ids({ orderBy: 'id', descending: true, limit: 3, offset: 1 })).toEqual(
      [14, 13, 12].map((n) => testId(n)),
    )
  })

  test('takes a filter, of a queue’s own runs too', async () => {
    const agents = await t.make.agentQueue({ name: 'etl' })
    const other = await t.make.queue({ name: 'etl' })
    await makeRuns((n) =>
      n % 3 === 0 ? { work_queue_id: agents } : n % 3 === 1 ? { work_queue_name: 'etl' } : { work_queue_id: other },
    )
    const runs = await readFlowRuns(t.db, { filter: { memberOf: agents } })
    expect(runs).toHaveLength(11)
    for (const orderBy of ['nextScheduledStartTime', 'endTime', 'created'] as const) {
      for (const descending of [false, true]) {
        const expected = sorted(runs, orderBy, descending)
        const options = {
          filter: { memberOf: agents, stateType: { any: ['SCHEDULED' as const] } },
          orderBy,
          descending,
        }
        expect(await ids(options)).toEqual(expected)
        expect(await ids({ ...options, limit: 4, offset: 5 })).toEqual(expected.slice(5, 9))
      }
    }
  })

  test('with the largest limit and offset', async () => {
    await makeRuns()
    const largest = 2 ** 31 - 1
    expect(await ids({ orderBy: 'endTime', descending: true, limit: largest, offset: largest })).toEqual([])
    expect(await ids({ orderBy: 'endTime', descending: true, limit: largest })).toHaveLength(16)
  })
})
