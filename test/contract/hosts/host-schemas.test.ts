import { type Kysely, type Migration, sql } from 'kysely'
import { claimRunsInWorkQueue, createFlowRuns, createWorkQueue, readWorkQueues } from 'kysely-work-queues'
import { migrations } from 'kysely-work-queues/migrations'
import { expect, test } from 'vitest'
import { postgres, sqliteFile, sqliteMemory } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { Migrator } from '../../support/migrator.js'

// What docs/your-tables.md says of the order of a host's migrations and ours, and of schemas.

describeOnDatabases(
  'the migrations of a host',
  (t) => {
    const migrate = async (all: Record<string, Migration>): Promise<string[]> => {
      const { error, results = [] } = await new Migrator({
        db: t.database.plain,
        provider: { getMigrations: async () => all },
        migrationTableName: 'merged_migration',
        migrationLockTableName: 'merged_migration_lock',
      }).migrateToLatest()
      if (error !== undefined) throw error
      return results.map(({ migrationName }) => migrationName)
    }
    const invoices: Migration = {
      up: async (db) =>
        await db.schema
          .createTable('invoice')
          .addColumn('flow_run_id', t.kind.dialect === 'postgres' ? sql`uuid` : sql`char(36)`, (column) =>
            column.references('flow_run.id'),
          )
          .execute(),
    }
    const none = async (): Promise<void> => {
      for (const { down } of Object.values(migrations).toReversed()) await down(t.database.plain)
    }

    test('that are numbered run after ours when ours are given keys that sort before them', async () => {
      await none()
      const first = Object.entries(migrations).map(([key, migration]) => [`000_${key}`, migration] as const)
      const keys = await migrate({ '001_invoices': invoices, ...Object.fromEntries(first) })
      expect(keys).toEqual([...first.map(([key]) => key), '001_invoices'])
      await createWorkQueue(t.db, { name: 'etl' })
    })

    test('that are numbered run before ours otherwise, and find no table of ours', async () => {
      await none()
      const attempt = migrate({ '001_invoices': invoices, ...migrations })
      // SQLite takes a reference to a table that is not there yet.
      if (t.kind.dialect === 'sqlite') expect((await attempt)[0]).toBe('001_invoices')
      else await expect(attempt).rejects.toMatchObject({ code: '42P01' })
    })
  },
  [sqliteMemory, sqliteFile, postgres],
)

describeOnDatabases(
  'our tables in a schema of their own',
  (t) => {
    test('are reached from one transaction with the host’s in another, and referred to', async () => {
      const { plain } = t.database
      await sql`create schema work_queues`.execute(plain)
      for (const { up } of Object.values(migrations)) await up(plain.withSchema('work_queues'))
      await plain.schema
        .createTable('invoice')
        .addColumn('flow_run_id', 'uuid', (column) => column.references('work_queues.flow_run.id'))
        .execute()
      await plain.transaction().execute(async (trx) => {
        const ours = trx.withSchema('work_queues')
        const queue = await createWorkQueue(ours, { name: 'etl' })
        const [run] = await createFlowRuns(ours, [{ workQueueId: queue.id }])
        await (trx as Kysely<any>).insertInto('invoice').values({ flow_run_id: run?.id }).execute()
      })
      expect(await readWorkQueues(plain)).toEqual([])
      expect(await readWorkQueues(plain.withSchema('work_queues'))).toHaveLength(2)
    })

    test('are found by the search path too, also by their migrations', async () => {
      const { plain } = t.database
      await sql`create schema work_queues`.execute(plain)
      await plain.connection().execute(async (db) => {
        await sql`set search_path = work_queues, public`.execute(db)
        for (const { up } of Object.values(migrations)) await up(db)
        const queue = await createWorkQueue(db, { name: 'etl' })
        await createFlowRuns(db, [{ workQueueId: queue.id }])
        const { runs } = await claimRunsInWorkQueue(db, queue.id, { holder: 'w-1' })
        expect(runs).toHaveLength(1)
        await sql`reset search_path`.execute(db)
      })
      expect(await readWorkQueues(plain)).toEqual([])
      expect(await readWorkQueues(plain.withSchema('work_queues'))).toHaveLength(2)
    })
  },
  [postgres],
)
