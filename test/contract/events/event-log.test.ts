import { type Kysely, sql } from 'kysely'
import {
  claimRunsInWorkQueue,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  deleteWorkPool,
  recordWorkerHeartbeat,
  setFlowRunState,
  takeEvents,
  updateWorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { eventLog, migrations } from 'kysely-work-queues/migrations'
import { expect, test } from 'vitest'
import { databases, postgres, sqliteMemory, withEventLog } from '../../support/databases.js'
import { type Contract, describeOnDatabases } from '../../support/describe-databases.js'
import { testId } from '../../support/factory.js'
import { Migrator } from '../../support/migrator.js'
import { prefectDatabases } from '../../support/prefect-databases.js'
import { createRole, type Grant } from '../hosts/role.js'
import { expectReplayed, readWorld, takeAll, told } from './replay-events.js'

type Db = Kysely<WorkQueueTables>

/** Tables, indexes, triggers, functions and sequences. */
async function objects({ kind, database }: Contract): Promise<string[]> {
  const query =
    kind.dialect === 'sqlite'
      ? "select type || ' ' || name as name from sqlite_master"
      : `select cast(relkind as text) || ' ' || relname as name from pg_class
           where relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
             and relname !~ 'toast'
         union all select 'trigger ' || tgname from pg_trigger where not tgisinternal
         union all select 'function ' || proname from pg_proc where oid >= 16384`
  const { rows } = await sql<{ name: string }>`${sql.raw(query)}`.execute(database.plain)
  return rows.map(({ name }) => name).toSorted()
}

const [log] = Object.values(eventLog)

/** A walk that changes every kind of row. */
async function walk(db: Db, flowId = testId(9)): Promise<void> {
  const pool = await createWorkPool(db, { name: 'p', type: 'process' })
  const queue = await createWorkQueue(db, { name: 'q', workPoolId: pool.id, concurrencyLimit: 5 })
  await recordWorkerHeartbeat(db, pool.id, 'w')
  await createFlowRuns(db, [
    { workQueueId: queue.id, flowId },
    { workQueueId: queue.id, flowId },
  ])
  const { runs } = await claimRunsInWorkQueue(db, queue.id, { recordPolls: true })
  for (const { id } of runs) await setFlowRunState(db, id, { type: 'RUNNING' })
  await updateWorkQueue(db, queue.id, { isPaused: true, priority: 1 })
}

describeOnDatabases(
  'the migration eventLog',
  (t) => {
    test('goes down, leaving nothing behind, and up again where there are rows', async () => {
      const before = await objects(t)
      await log?.up(t.database.plain)
      expect(await objects(t)).not.toEqual(before)
      await walk(t.db)
      await log?.down(t.database.plain)
      expect(await objects(t)).toEqual(before)
      const [queue] = await t.database.plain.selectFrom('work_queue').select('id').where('name', '=', 'q').execute()
      await updateWorkQueue(t.db, queue?.id ?? '', { isPaused: false })
      await log?.up(t.database.plain)
      expect(await takeEvents(t.db)).toEqual([])
      await updateWorkQueue(t.db, queue?.id ?? '', { isPaused: true })
      expect(told(await takeEvents(t.db))).toEqual([
        'work-queue updated { isPaused: false -> true, status: READY -> PAUSED }',
      ])
    })

    test('runs by itself, with a record of its own', async () => {
      for (const key of Object.keys(eventLog)) expect(migrations).not.toHaveProperty(key)
      const migrator = new Migrator({
        db: t.database.plain,
        provider: { getMigrations: async () => eventLog },
        migrationTableName: 'event_log_migration',
        migrationLockTableName: 'event_log_migration_lock',
      })
      const { error, results } = await migrator.migrateToLatest()
      expect(error).toBeUndefined()
      expect(results?.map(({ migrationName }) => migrationName)).toEqual(Object.keys(eventLog))
      await createWorkPool(t.db, { name: 'p' })
      expect(await takeEvents(t.db)).toHaveLength(3)
    })
  },
  [...databases, ...prefectDatabases].map((kind) => ({ ...kind, create: () => kind.create(false) })),
)

describeOnDatabases(
  'the event log on tables of another',
  (t) => {
    const isPostgres = (): boolean => t.kind.dialect === 'postgres'
    const run = (statement: string): Promise<unknown> => sql.raw(statement).execute(t.database.plain)

    test('has what is changed through the library, past it, and by cascades', async () => {
      const before = await readWorld(t.db)
      await walk(t.db)
      const [pool] = await t.database.plain.selectFrom('work_pool').select('id').execute()
      const [a, b] = await t.database.plain.selectFrom('flow_run').select(['id', 'state_id']).execute()
      await t.make.set('flow_run', a?.id ?? '', { state_type: 'FAILED', state_name: 'Failed' })
      // Its states go with it, and the runs' references to them.
      await t.database.plain
        .deleteFrom('flow_run')
        .where('id', '=', b?.id ?? '')
        .execute()
      await t.database.plain.deleteFrom('flow_run_state').execute()
      await deleteWorkPool(t.db, pool?.id ?? '')
      const events = await takeAll(t.db)
      expectReplayed(before, events, await readWorld(t.db))
      const ofRuns = told(events).filter((text) => text.startsWith('flow-run'))
      expect(ofRuns.map((text) => text.replaceAll(/stateId: \S+ -> \S+, /g, '')).toSorted()).toEqual([
        'flow-run created',
        'flow-run created',
        'flow-run deleted',
        'flow-run updated { stateType: PENDING -> RUNNING, stateName: Pending -> Running }',
        'flow-run updated { stateType: PENDING -> RUNNING, stateName: Pending -> Running }',
        'flow-run updated { stateType: RUNNING -> FAILED, stateName: Running -> Failed }',
        'flow-run updated { stateType: SCHEDULED -> PENDING, stateName: Scheduled -> Pending }',
        'flow-run updated { stateType: SCHEDULED -> PENDING, stateName: Scheduled -> Pending }',
      ])
    })

    test('has a run that is made as Prefect makes it: without a state, which it then enters', async () => {
      const id = testId(1)
      const run = { id, name: 'r', state_type: null, state_name: null, flow_id: testId(9) }
      await t.make.rows('flow_run', [withDefaults(run)])
      const state = { id: testId(2), flow_run_id: id, type: 'SCHEDULED', name: 'Scheduled' }
      await t.make.rows('flow_run_state', [{ ...state, timestamp: new Date(0), state_details: {} }])
      const entered = { state_id: testId(2), state_type: 'SCHEDULED', state_name: 'Scheduled' }
      await t.make.set('flow_run', id, { ...entered, state_timestamp: new Date(0) })
      expect(told(await takeAll(t.db))).toEqual([
        'flow-run created',
        `flow-run updated { stateId: null -> ${testId(2)}, stateType: null -> SCHEDULED, stateName: null -> Scheduled }`,
      ])
    })

    test('goes on when the tables are given columns, and stays out of the way of their statements', async () => {
      await walk(t.db)
      await takeAll(t.db)
      for (const table of ['flow_run', 'work_queue']) await run(`alter table ${table} add column added varchar`)
      await run("update flow_run set added = 'a', state_name = 'Other'")
      await run("update work_queue set added = 'a', description = 'other'")
      expect(told(await takeAll(t.db)).toSorted()).toEqual([
        'flow-run updated { stateName: Running -> Other }',
        'flow-run updated { stateName: Running -> Other }',
        'work-queue updated { description:  -> other }',
        "work-queue updated { description: The work pool's default queue. -> other }",
      ])
      await run('update flow_run set state_name = state_name where 1 = 0')
      if (isPostgres()) await run(`insert into work_pool (name, type) values ('p', 'process') on conflict do nothing`)
      else await run(`insert or ignore into work_pool (name, type) values ('p', 'process')`)
      expect(await takeAll(t.db)).toEqual([])
    })
  },
  [sqliteMemory, postgres, ...prefectDatabases].map(withEventLog),
)

/** What Prefect's tables ask for. */
function withDefaults(run: Record<string, string | null>): Record<string, string | object | null | number> {
  return { parameters: {}, context: {}, empirical_policy: {}, tags: [], run_count: 0, ...run }
}

describeOnDatabases(
  'the event log on PostgreSQL',
  (t) => {
    const grants: Grant[] = ['work_pool', 'work_queue', 'worker', 'flow_run', 'flow_run_state'].flatMap((table) =>
      ['select', 'insert', 'update', 'delete'].map((privilege) => ({ table, privilege }) as Grant),
    )
    const refusal = { code: '42501' }

    test('asks no grant of those who change rows, and lets them write nothing else into it', async () => {
      await using role = await createRole(t.database.plain)
      await role.grant(grants)
      await role.as(walk)
      expect(told(await takeAll(t.db))).toContain('worker created')
      await expect(role.as((db) => takeEvents(db))).rejects.toMatchObject(refusal)
      await expect(role.as((db) => sql`insert into work_queue_event default values`.execute(db))).rejects.toMatchObject(
        refusal,
      )
      // Not by a table of its own that has the log's triggers either.
      await sql`grant create on schema public to ${role.name}`.execute(t.database.plain)
      const trigger = (db: Db) =>
        db.transaction().execute(async (trx) => {
          await sql`create table own as table work_pool`.execute(trx)
          await sql`create trigger own after insert on own for each row execute function work_queue_event_of_work_pool()`.execute(
            trx,
          )
        })
      await expect(role.as(trigger)).rejects.toMatchObject(refusal)
    })

    test('takes no table of the same name for itself, whatever the search path', async () => {
      const db = t.database.plain
      await sql`create schema before_public`.execute(db)
      await db.connection().execute(async (connection) => {
        await sql`create table before_public.work_queue_event (like public.work_queue_event)`.execute(connection)
        await sql`create temporary table work_queue_event (like public.work_queue_event)`.execute(connection)
        await sql`set search_path = before_public, public`.execute(connection)
        await walk(connection)
        await sql`reset search_path`.execute(connection)
        await sql`drop table pg_temp.work_queue_event`.execute(connection)
      })
      expect(told(await takeAll(t.db))).toContain('worker created')
    })

    test('is there for each schema, whatever its name', async () => {
      const name = `it's "x" $$ \\ {a}`
      await sql`create schema ${sql.id(name)}`.execute(t.database.plain)
      const plain = t.database.plain.withSchema(name)
      for (const { up } of Object.values({ ...migrations, ...eventLog })) await up(plain)
      await walk(plain)
      expect(told(await takeAll(plain))).toContain('worker created')
      expect(await takeAll(t.db)).toEqual([])
      await log?.down(plain)
      await walk(plain.withSchema('public'))
      expect(told(await takeAll(t.db))).toContain('worker created')
    })

    test('costs many runs of a statement no more each, though its first was of one', async () => {
      const queue = await t.make.queue()
      await takeAll(t.db)
      await t.database.plain.connection().execute(async (db) => {
        const [first] = await createFlowRuns(db, [{ workQueueId: queue }])
        await setFlowRunState(db, first?.id ?? '', { type: 'RUNNING' })
        await createFlowRuns(
          db,
          Array.from({ length: 4_000 }, () => ({ workQueueId: queue })),
        )
        const { rows } = await sql<{ 'QUERY PLAN': string }>`
          explain (analyze) update flow_run set state_id = gen_random_uuid()`.execute(db)
        const line = rows.map((row) => row['QUERY PLAN']).find((text) => text.includes('work_queue_event_update'))
        // Compared each with each, the rows of this statement took over a second.
        expect(Number(/time=([\d.]+)/.exec(line ?? '')?.[1])).toBeLessThan(1_000)
      })
      expect(await takeAll(t.db)).toHaveLength(2 * 4_001 + 1)
    })
  },
  [withEventLog(postgres)],
)
