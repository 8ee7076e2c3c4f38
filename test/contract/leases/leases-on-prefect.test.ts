import { addSeconds } from 'date-fns'
import type { Kysely } from 'kysely'
import {
  cancelFlowRun,
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  explainFlowRun,
  explainWorkQueue,
  MissingTableError,
  readLeases,
  readWorkPoolSlotHolders,
  readWorkQueueSlotHolders,
  readWorkQueue,
  releaseExpiredLeases,
  renewLeases,
  setFlowRunState,
  updateWorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { leases } from 'kysely-work-queues/migrations'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../../support/databases.js'
import { type Contract, describeOnDatabases } from '../../support/describe-databases.js'
import { allRows } from '../../support/factory.js'
import { Migrator, NO_MIGRATIONS } from '../../support/migrator.js'
import { prefectDatabases } from '../../support/prefect-databases.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const at = (seconds: number): Date => addSeconds(now, seconds)

/** A walk through leases, and what each call returned, with the ids numbered as they first appear. */
async function walk(db: Kysely<WorkQueueTables>): Promise<unknown> {
  const seen: unknown[] = []
  const step = async <T>(call: Promise<T>): Promise<T> => {
    const result = await call
    seen.push(result)
    return result
  }
  const pool = await createWorkPool(db, { name: 'pool', type: 'process' }, { now })
  const queue = await createWorkQueue(db, { name: 'etl', workPoolId: pool.id, concurrencyLimit: 4 }, { now })
  const inputs = Array.from({ length: 5 }, (_, n) => ({
    name: `run ${n}`,
    workQueueId: queue.id,
    nextScheduledStartTime: at(-60 + n),
  }))
  await createFlowRuns(db, inputs, { now })
  const { runs } = await step(claimRunsInWorkQueue(db, queue.id, { holder: 'w-1', limit: 3, now }))
  await step(claimScheduledFlowRuns(db, { holder: 'w-2', leaseSeconds: 30, now: at(1) }))
  const [a = '', b = '', c = ''] = runs.map(({ id }) => id)
  await setFlowRunState(db, a, { type: 'RUNNING' }, { now: at(2) })
  await setFlowRunState(db, b, { type: 'COMPLETED' }, { now: at(2) })
  await cancelFlowRun(db, c, { now: at(3) })
  await step(readLeases(db))
  await step(renewLeases(db, 'w-1', { flowRunIds: [a, b, c], now: at(4) }))
  await step(readWorkQueueSlotHolders(db, queue.id))
  await step(readWorkPoolSlotHolders(db, pool.id))
  await step(explainWorkQueue(db, queue.id, { now: at(5) }))
  await step(explainFlowRun(db, a, { now: at(500) }))
  await step(releaseExpiredLeases(db, { now: at(40), maxReleases: 0 }))
  await step(releaseExpiredLeases(db, { now: at(500), runningTo: 'SCHEDULED' }))
  await step(readLeases(db))
  return numbered(seen)
}

function numbered(value: unknown): unknown {
  const numbers = new Map<string, number>()
  const text = JSON.stringify(value).replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => {
    numbers.set(id, numbers.get(id) ?? numbers.size)
    return `#${numbers.get(id)}`
  })
  return JSON.parse(text)
}

async function migrate({ database }: Contract, target: 'latest' | 'none'): Promise<void> {
  const migrator = new Migrator({ db: database.plain, provider: { getMigrations: async () => leases } })
  const { error } = target === 'latest' ? await migrator.migrateToLatest() : await migrator.migrateTo(NO_MIGRATIONS)
  if (error !== undefined) throw error
}

describeOnDatabases(
  'leases on',
  (t) => {
    test('with their table give the same answers as on our own tables', async () => {
      await migrate(t, 'latest')
      const own = await (t.kind.dialect === 'postgres' ? postgres : sqliteMemory).create()
      try {
        expect(await walk(t.db)).toEqual(await walk(own.db))
      } finally {
        await own.destroy()
      }
      await migrate(t, 'none')
      expect(await allRows(t.database)).not.toHaveProperty('flow_run_lease')
    })

    test('without it are refused before anything is written, and the caller’s transaction goes on', async () => {
      const queue = await t.make.queue({ status: 'NOT_READY' })
      await t.make.run({ work_queue_id: queue, next_scheduled_start_time: new Date(0) })
      const calls: Record<string, (db: Kysely<WorkQueueTables>) => Promise<unknown>> = {
        claimRunsInWorkQueue: (db) => claimRunsInWorkQueue(db, queue, { holder: 'w-1', recordPolls: true }),
        claimScheduledFlowRuns: (db) => claimScheduledFlowRuns(db, { holder: 'w-1', recordPolls: true }),
        renewLeases: (db) => renewLeases(db, 'w-1'),
        releaseExpiredLeases: (db) => releaseExpiredLeases(db),
        readLeases: (db) => readLeases(db),
      }
      const before = await allRows(t.database)
      for (const [name, call] of Object.entries(calls)) {
        const refused = async (db: Kysely<WorkQueueTables>): Promise<void> => {
          const error: unknown = await call(db).catch((thrown: unknown) => thrown)
          expect(error, name).toBeInstanceOf(MissingTableError)
          expect(error).toMatchObject({ code: 'MISSING_TABLE', table: 'flow_run_lease', migration: 'leases' })
        }
        await refused(t.db)
        await t.db.transaction().execute(async (trx) => {
          await refused(trx)
          expect((await readWorkQueue(trx, queue))?.id).toBe(queue)
        })
      }
      expect(await allRows(t.database)).toEqual(before)
      expect((await claimRunsInWorkQueue(t.db, queue)).runs).toHaveLength(1)
    })

    test('without it, slots and explanations are as they are without leases', async () => {
      const pool = await t.make.pool({ concurrency_limit: 1 })
      const queue = await t.make.queue({ work_pool_id: pool, concurrency_limit: 1 })
      const due = { work_queue_id: queue, next_scheduled_start_time: now }
      const [held = '', waiting = ''] = await t.make.runs([{ ...due, state_type: 'RUNNING' }, due])
      const ask = async (): Promise<unknown[]> => [
        await readWorkQueueSlotHolders(t.db, queue),
        await readWorkPoolSlotHolders(t.db, pool),
        await explainFlowRun(t.db, held, { now: at(1) }),
        await explainFlowRun(t.db, waiting, { now: at(1) }),
        await explainWorkQueue(t.db, queue, { now: at(1) }),
      ]
      const without = await ask()
      expect(JSON.stringify(without)).toContain('RUNNING')
      await migrate(t, 'latest')
      expect(await ask()).toEqual(without)
      await updateWorkQueue(t.db, queue, { concurrencyLimit: null })
    })
  },
  prefectDatabases,
)
