import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  readLeases,
  updateWorkPool,
  updateWorkQueue,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { databases } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'

// Round trips count, since a database is seldom on the same machine.

describeOnDatabases(
  'the statements of a claim',
  (t) => {
    const arrange = async (limit: number | null, agent = false): Promise<{ pool: string; queue: string }> => {
      const pool = await t.make.pool({ concurrency_limit: limit, ...(agent && { name: 'default-agent-pool' }) })
      const queue = await t.make.queue({ work_pool_id: pool, concurrency_limit: limit })
      await t.make.runs(
        Array.from({ length: 20 }, () => ({ work_queue_id: queue, next_scheduled_start_time: new Date(0) })),
      )
      return { pool, queue }
    }
    const sent = async (call: () => Promise<unknown>): Promise<string[]> => {
      const { statements } = t.database
      const before = statements.length
      await call()
      return statements.slice(before).map((statement) => statement.trim().split(/\s/)[0] ?? '')
    }

    test.each([false, true])(
      'one, where queue and pool have no limit; in the default agent pool: %s',
      async (agent) => {
        const { queue } = await arrange(null, agent)
        const claim = async (): Promise<void> => {
          expect((await claimRunsInWorkQueue(t.db, queue, { limit: 2 })).runs).toHaveLength(2)
        }
        if (agent) await claim()
        expect(await sent(claim)).toEqual(['with'])
        expect(await sent(() => claimRunsInWorkQueue(t.db, queue, { limit: 2, recordPolls: true }))).toEqual(['with'])
      },
    )

    test('four, where they have: begin, the turn, the claim, commit', async () => {
      const { queue } = await arrange(100)
      const claim = async (): Promise<void> => {
        expect((await claimRunsInWorkQueue(t.db, queue, { limit: 2 })).runs).toHaveLength(2)
      }
      await claim()
      expect(await sent(claim)).toEqual(['begin', 'with', 'with', 'commit'])
      const polling = (): Promise<unknown> => claimRunsInWorkQueue(t.db, queue, { limit: 2, recordPolls: true })
      expect(await sent(polling)).toEqual(['begin', 'with', 'with', 'commit'])
    })

    test('no more, for a holder', async () => {
      const [{ pool, queue }, limited] = [await arrange(null), await arrange(100)]
      const claim = (from: string) => () => claimRunsInWorkQueue(t.db, from, { limit: 2, holder: 'w-1' })
      const claimOverPools = (from: string) => () =>
        claimScheduledFlowRuns(t.db, { workPoolIds: [from], limit: 2, holder: 'w-1' })
      // Whether there is a table of leases is asked once, for all of a host's sessions.
      expect(await sent(claim(queue))).toEqual(['select', 'with'])
      expect(await sent(claim(queue))).toEqual(['with'])
      expect(await sent(claimOverPools(pool))).toEqual(['with'])
      await claim(limited.queue)()
      expect(await sent(claim(limited.queue))).toEqual(['begin', 'with', 'with', 'commit'])
      await claimOverPools(limited.pool)()
      expect(await sent(claimOverPools(limited.pool))).toHaveLength(7)
      expect(await readLeases(t.db)).toHaveLength(14)
    })

    test('one more when the queue is not what it was, and never a wrong answer', async () => {
      const { pool, queue } = await arrange(null)
      const claim = async (): Promise<number> => (await claimRunsInWorkQueue(t.db, queue, { limit: 5 })).runs.length
      expect(await claim()).toBe(5)
      await updateWorkQueue(t.db, queue, { concurrencyLimit: 6 })
      expect(await sent(async () => expect(await claim()).toBe(1))).toHaveLength(5)
      await updateWorkPool(t.db, pool, { concurrencyLimit: 7 })
      await updateWorkQueue(t.db, queue, { concurrencyLimit: null })
      expect(await claim()).toBe(1)
      await updateWorkPool(t.db, pool, { concurrencyLimit: null })
      expect(await claim()).toBe(5)
    })

    test('one over pools, where none of them and of their queues has a limit', async () => {
      const { pool } = await arrange(null)
      const claim = async (): Promise<void> => {
        expect(await claimScheduledFlowRuns(t.db, { workPoolIds: [pool], limit: 2 })).toHaveLength(2)
      }
      expect(await sent(claim)).toEqual(['with'])
    })

    test('over pools with limits a look, begin, the locks, the turns of pool and queue, the claim, commit', async () => {
      const { pool } = await arrange(100)
      const claim = async (): Promise<void> => {
        expect(await claimScheduledFlowRuns(t.db, { workPoolIds: [pool], limit: 2 })).toHaveLength(2)
      }
      await claim()
      expect(await sent(claim)).toEqual(['with', 'begin', 'select', 'update', 'update', 'with', 'commit'])
    })
  },
  databases.filter(({ dialect }) => dialect === 'postgres'),
)
