import { sql } from 'kysely'
import { markWorkPoolsNotReady, readWorkPool, recordWorkerHeartbeat, updateWorkPool } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { testId } from '../support/factory.js'

// Whether a heartbeat is under way in a pool is said by advisory locks, of which pools whose ids end in one number share one. Who just
// decides about such a pool is no heartbeat.

describeOnDatabases(
  'a decision whether a pool has workers, beside one of a pool that shares its number',
  (t) => {
    /** Two pools that are paused. */
    const pools = async (): Promise<[string, string]> => {
      const ids = Array.from({ length: 200 }, (_, n) => testId(n, 7))
      const { rows } = await sql<{ ids: string }>`
        select string_agg(id, ',') as ids from unnest(cast(${`{${ids.join(',')}}`} as text[])) as pool(id)
        group by hashtext(id) & 127 having count(*) > 1 limit 1
      `.execute(t.database.plain)
      const [one = '', other = ''] = rows[0]?.ids.split(',') ?? []
      const paused = { type: 'process', is_paused: true, status: 'PAUSED' }
      await t.make.pool({ id: one, ...paused })
      await t.make.pool({ id: other, ...paused })
      return [one, other]
    }
    const resume = { isPaused: false }
    const statusOf = async (id: string): Promise<string | undefined> => (await readWorkPool(t.db, id))?.status

    test('a pool without workers is not READY when it is resumed', async () => {
      const [one, other] = await pools()
      const deciding = await t.database.connect().startTransaction().execute()
      await updateWorkPool(deciding, one, resume)
      await updateWorkPool(t.db, other, resume)
      expect(await statusOf(other)).toBe('NOT_READY')
      await deciding.commit().execute()
      expect(await statusOf(one)).toBe('NOT_READY')
    })

    test('one whose heartbeat is under way is, and so is one whose worker is ONLINE', async () => {
      const [one, other] = await pools()
      const beating = await t.database.connect().startTransaction().execute()
      await recordWorkerHeartbeat(beating, one, 'worker')
      await updateWorkPool(t.db, one, resume)
      expect(await statusOf(one)).toBe('READY')
      await beating.commit().execute()
      await recordWorkerHeartbeat(t.db, other, 'worker')
      const deciding = await t.database.connect().startTransaction().execute()
      await updateWorkPool(deciding, one, resume)
      await updateWorkPool(t.db, other, resume)
      expect(await statusOf(other)).toBe('READY')
      await deciding.commit().execute()
    })

    test('a heartbeat that comes while both decide turns its pool READY', async () => {
      const [one, other] = await pools()
      const deciding = await t.database.connect().startTransaction().execute()
      await updateWorkPool(deciding, one, resume)
      await updateWorkPool(t.db, other, resume)
      await recordWorkerHeartbeat(t.db, other, 'worker')
      expect(await statusOf(other)).toBe('READY')
      const beat = recordWorkerHeartbeat(t.db, one, 'worker')
      await deciding.commit().execute()
      await beat
      expect(await statusOf(one)).toBe('READY')
    })

    test('a mark for want of workers leaves it to the next one', async () => {
      const [one, other] = await pools()
      await t.make.set('work_pool', other, { is_paused: false, status: 'READY' })
      const deciding = await t.database.connect().startTransaction().execute()
      await updateWorkPool(deciding, one, resume)
      expect(await markWorkPoolsNotReady(t.db)).toEqual([])
      await deciding.commit().execute()
      expect((await markWorkPoolsNotReady(t.db)).map(({ id }) => id)).toEqual([other])
    })
  },
  [postgres],
)
