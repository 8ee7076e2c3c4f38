import { addSeconds } from 'date-fns'
import { pruneWorkers, type PruneWorkersOptions, readWorkers, recordWorkerHeartbeat } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const at = (seconds: number): Date => addSeconds(now, seconds)

describeOnDatabases('pruneWorkers', (t) => {
  let pool = ''
  const workers = async (...heartbeats: [seconds: number, status?: string][]): Promise<string[]> => {
    pool = await t.make.pool()
    const ids: string[] = []
    for (const [seconds, status = 'OFFLINE'] of heartbeats) {
      ids.push(await t.make.worker({ work_pool_id: pool, last_heartbeat_time: at(seconds), status }))
    }
    return ids
  }
  const prune = async (options: Partial<PruneWorkersOptions> = {}): Promise<string[]> =>
    (await pruneWorkers(t.db, { lastHeartbeatBefore: now, ...options })).map(({ id }) => id)

  test('deletes OFFLINE workers that were last heard of before the time, and returns them as they were', async () => {
    const [silent] = await workers([-0.001], [0], [1], [-60, 'ONLINE'])
    const before = await readWorkers(t.db, pool)
    expect(await pruneWorkers(t.db, { lastHeartbeatBefore: now })).toEqual(before.filter(({ id }) => id === silent))
    expect(await readWorkers(t.db, pool)).toEqual(before.filter(({ id }) => id !== silent))
    expect(await prune()).toEqual([])
  })

  test('deletes those silent longest first, ties by id, and no more than limit', async () => {
    const [a, b, c, d] = await workers([-1], [-3], [-2], [-2])
    expect(await prune({ limit: 0 })).toEqual([])
    expect(await prune({ limit: 1 })).toEqual([b])
    expect(await prune({ limit: 2 })).toEqual([c, d])
    expect(await prune({ limit: 2 ** 31 - 1 })).toEqual([a])
  })

  test('deletes 500 workers when no limit is given', async () => {
    pool = await t.make.pool()
    const rows = Array.from({ length: 503 }, (_, n) => ({ name: `worker ${n}`, work_pool_id: pool, status: 'OFFLINE' }))
    await t.make.rows(
      'worker',
      rows.map((row, n) => ({ ...row, last_heartbeat_time: at(-n - 1) })),
    )
    expect(await prune()).toHaveLength(500)
    expect(await prune()).toHaveLength(3)
  })

  test('with nothing to delete, no row is written', async () => {
    await workers([0], [-1, 'ONLINE'])
    const before = await allRows(t.database)
    expect(await prune()).toEqual([])
    expect(await allRows(t.database)).toEqual(before)
  })

  test('a worker that sends a heartbeat at the same time is there afterwards, ONLINE', async () => {
    await workers()
    for (let round = 0; round < 8; round++) {
      await t.make.worker({ work_pool_id: pool, name: `w${round}`, last_heartbeat_time: at(-60), status: 'OFFLINE' })
      const prunes = t.kind.dialect === 'postgres' ? [t.db, t.database.connect()] : [t.db]
      const [beat] = await Promise.all([
        recordWorkerHeartbeat(t.db, pool, `w${round}`, { now }),
        ...prunes.map((db) => pruneWorkers(db, { lastHeartbeatBefore: now })),
      ])
      expect(await readWorkers(t.db, pool, { status: 'ONLINE' })).toContainEqual(beat)
    }
    expect(await readWorkers(t.db, pool)).toHaveLength(8)
  })

  test('many calls at once delete each worker once', async () => {
    const all = await workers(...Array.from({ length: 10 }, (_, n): [number] => [-n - 1]))
    const sessions = t.kind.dialect === 'postgres' ? [t.db, t.database.connect()] : [t.db]
    const gone = await Promise.all(
      Array.from({ length: 6 }, (_, n) =>
        pruneWorkers(sessions[n % sessions.length] ?? t.db, { lastHeartbeatBefore: now, limit: 3 }),
      ),
    )
    expect(gone.flat().map(({ id }) => id)).toHaveLength(10)
    expect(new Set(gone.flat().map(({ id }) => id))).toEqual(new Set(all))
  })
})
