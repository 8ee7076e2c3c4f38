import { subMinutes, subSeconds } from 'date-fns'
import { sql } from 'kysely'
import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  explainFlowRun,
  explainWorkQueue,
  markWorkersOffline,
  readFlowRun,
  readLeases,
  readWorkQueue,
  readWorkQueueStatus,
  recordWorkerHeartbeat,
  recordWorkQueuePolls,
  releaseExpiredLeases,
  releaseStaleClaims,
  renewLeases,
  updateWorkQueue,
} from 'kysely-work-queues'
import { afterEach, expect, test, vi } from 'vitest'
import { postgres, sqliteMemory } from '../../support/databases.js'
import { type Contract, describeOnDatabases } from '../../support/describe-databases.js'
import { allRows } from '../../support/factory.js'
import { writes } from './times/calls-that-stamp.js'

afterEach(() => {
  vi.useRealTimers()
})

/** A server whose clock is far from that of the database. */
const skews = { 'an hour behind': -3_600_000, 'an hour ahead': 3_600_000 }

/** The clock that functions go by: the database's, or on SQLite the process's. */
async function clockOf(t: Contract): Promise<number> {
  if (t.kind.dialect === 'sqlite') return Date.now()
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(t.database.plain)
  return rows[0]?.now.getTime() ?? NaN
}

function skewBy(milliseconds: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + milliseconds })
}

/** Every time in a row, by its column: a `Date`, or text on SQLite. */
function timesOf(row: object): Map<string, number> {
  return new Map(
    Object.entries(row as Record<string, unknown>).flatMap(([column, value]) => {
      if (value instanceof Date) return [[column, value.getTime()] as const]
      const isTime = typeof value === 'string' && /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/.test(value)
      return isTime && column !== 'total_run_time'
        ? [[column, Date.parse(`${value.slice(0, 23).replace(' ', 'T')}Z`)] as const]
        : []
    }),
  )
}

describeOnDatabases(
  'the clock of a server that is',
  (t) => {
    for (const [title, skew] of Object.entries(skews)) {
      test.each(Object.entries(writes))(
        `${title} is not what %s goes by, but the database's is`,
        async (_, prepare) => {
          const write = await prepare(t)
          skewBy(skew)
          const before = await allRows(t.database)
          const from = await clockOf(t)
          const returned = await write()
          const until = await clockOf(t)
          const written: number[] = []
          const stored: number[] = []
          for (const [table, rows] of Object.entries(await allRows(t.database))) {
            for (const row of rows) {
              const id = 'id' in row ? row.id : undefined
              const old = before[table]?.find((other) => 'id' in other && other.id === id)
              const known = old === undefined ? new Map<string, number>() : timesOf(old)
              for (const [column, time] of timesOf(row)) {
                stored.push(time)
                if (known.get(column) === time) continue
                written.push(time)
                expect(time, column).toBeGreaterThanOrEqual(from)
                expect(time, column).toBeLessThanOrEqual(until)
              }
            }
          }
          expect(written).not.toEqual([])
          // What is returned is what is stored.
          for (const time of [...JSON.stringify(returned ?? null).matchAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g)].map(([text]) =>
            Date.parse(text),
          )) {
            if (time > 1) expect(stored).toContain(time)
          }
        },
      )
    }

    test('decides whether a queue is healthy, a run is due, and an unpaused queue is ready', async () => {
      const lastPolled = new Date(await clockOf(t))
      const id = await t.make.queue({ last_polled: lastPolled, is_paused: true, status: 'PAUSED' })
      const run = await t.make.run({ work_queue_id: id, next_scheduled_start_time: subSeconds(lastPolled, 1) })
      if (t.kind.dialect === 'postgres') skewBy(3_600_000)
      expect((await readWorkQueueStatus(t.db, id)).healthy).toBe(true)
      expect(await updateWorkQueue(t.db, id, { isPaused: false })).toBe(true)
      expect((await readWorkQueue(t.db, id))?.status).toBe('READY')
      if (t.kind.dialect === 'postgres') skewBy(-7_200_000)
      expect((await explainWorkQueue(t.db, id)).due).toBe(1)
      expect((await explainFlowRun(t.db, run)).handedOut).toBe(true)
    })

    test('decides whether a lease has expired, and until when it is given and renewed', async () => {
      const queue = await t.make.queue()
      const due = { work_queue_id: queue, next_scheduled_start_time: new Date(0), state_timestamp: new Date(0) }
      const [first, second] = await t.make.runs([due, due])
      const skewed = (milliseconds: number): void => {
        if (t.kind.dialect === 'postgres') skewBy(milliseconds)
      }
      const secondsLeft = async (): Promise<number[]> => {
        const clock = await clockOf(t)
        return (await readLeases(t.db)).map(({ expiresAt }) => (expiresAt.getTime() - clock) / 1000)
      }
      skewed(-3_600_000)
      await claimRunsInWorkQueue(t.db, queue, { holder: 'w-1', leaseSeconds: 100, limit: 1 })
      await claimRunsInWorkQueue(t.db, queue, { holder: 'w-2', leaseSeconds: 100 })
      for (const seconds of await secondsLeft()) expect(Math.abs(seconds - 100)).toBeLessThan(30)
      skewed(7_200_000)
      expect(await releaseExpiredLeases(t.db)).toEqual([])
      await renewLeases(t.db, 'w-1', { leaseSeconds: 200 })
      expect(Math.abs(((await secondsLeft())[0] ?? 0) - 200)).toBeLessThan(30)
      skewed(-7_200_000)
      const past = new Date((await clockOf(t)) - 1000)
      await renewLeases(t.db, 'w-2', { leaseSeconds: 1, now: past })
      expect((await releaseExpiredLeases(t.db)).map(({ id }) => id)).toEqual([second])
      expect((await readLeases(t.db)).map(({ flowRunId }) => flowRunId)).toEqual([first])
    })

    test('decides whether a worker was silent', async () => {
      const work_pool_id = await t.make.pool()
      const now = new Date(await clockOf(t))
      const silent = await t.make.worker({ work_pool_id, last_heartbeat_time: subMinutes(now, 10) })
      const never = await t.make.worker({
        work_pool_id,
        last_heartbeat_time: t.kind.dialect === 'postgres' ? '-infinity' : subMinutes(now, 99),
      })
      await t.make.worker({ work_pool_id, last_heartbeat_time: now })
      if (t.kind.dialect === 'postgres') skewBy(-3_600_000)
      expect((await markWorkersOffline(t.db)).map(({ id }) => id)).toEqual([silent, never])
    })
  },
  [sqliteMemory, postgres],
)

describeOnDatabases(
  'a claimer whose clock is five minutes behind',
  (t) => {
    test('keeps its claim', async () => {
      const id = await t.make.queue()
      const run = await t.make.run({ work_queue_id: id })
      const now = new Date()
      skewBy(-300_000)
      await claimRunsInWorkQueue(t.db, id, { scheduledBefore: null })
      vi.useRealTimers()
      expect(await releaseStaleClaims(t.db, { pendingBefore: subMinutes(now, 1) })).toEqual([])
      expect((await readFlowRun(t.db, run))?.stateType).toBe('PENDING')
    })
  },
  [postgres],
)

describeOnDatabases(
  'the clock',
  (t) => {
    test('is read after a lock that is waited for', async () => {
      const queue = await t.make.queue()
      const pool = await t.make.pool()
      await t.make.worker({ work_pool_id: pool, name: 'worker', last_heartbeat_time: new Date(0) })
      const other = t.database.connect()
      const held = await other.startTransaction().execute()
      await held.updateTable('work_queue').set({ priority: 7 }).where('id', '=', queue).execute()
      await held.updateTable('worker').set({ status: 'ONLINE' }).execute()
      const polled = recordWorkQueuePolls(t.db, { polledWorkQueueIds: [queue], readyWorkQueueIds: [] })
      const heard = recordWorkerHeartbeat(t.db, pool, 'worker')
      await new Promise((resolve) => setTimeout(resolve, 200))
      const released = await clockOf(t)
      await held.commit().execute()
      await polled
      expect((await readWorkQueue(t.db, queue))?.lastPolled?.getTime()).toBeGreaterThanOrEqual(released)
      expect((await heard).lastHeartbeatTime.getTime()).toBeGreaterThanOrEqual(released)
    })
  },
  [postgres],
)

describeOnDatabases(
  'what becomes due while a claim waits',
  (t) => {
    const claims: [string, (place: { pool: string; queue: string }) => Promise<number>][] = [
      ['of a queue', async ({ queue }) => (await claimRunsInWorkQueue(t.db, queue)).runs.length],
      ['over a pool', async ({ pool }) => (await claimScheduledFlowRuns(t.db, { workPoolIds: [pool] })).length],
    ]
    test.each(claims)('is claimed, %s', async (_, claim) => {
      const pool = await t.make.pool()
      const queue = await t.make.queue({ work_pool_id: pool, concurrency_limit: 9 })
      const add = async (time: number): Promise<void> =>
        void (await t.make.run({ work_queue_id: queue, next_scheduled_start_time: new Date(time) }))
      await add(0)
      expect(await claim({ pool, queue })).toBe(1)
      await add(0)
      await add((await clockOf(t)) + 200)
      const host = await t.db.startTransaction().execute()
      await host.updateTable('work_queue').set({ description: 'held' }).where('id', '=', queue).execute()
      const claimed = claim({ pool, queue })
      await new Promise((resolve) => setTimeout(resolve, 300))
      await host.commit().execute()
      expect(await claimed).toBe(2)
    })
  },
  [sqliteMemory, postgres],
)
