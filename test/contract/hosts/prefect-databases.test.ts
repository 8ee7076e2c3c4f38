import { addMinutes, addSeconds } from 'date-fns'
import { CompiledQuery, type Kysely, sql } from 'kysely'
import {
  bulkUpdateWorkQueuePriorities,
  claimRunsInWorkQueue,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  deleteWorkPool,
  deleteWorkQueue,
  ensureWorkPoolExists,
  ensureWorkQueueExists,
  getRunsInWorkQueue,
  readFlowRuns,
  readWorkPools,
  readWorkQueue,
  readWorkQueues,
  readWorkQueueStatus,
  recordWorkQueuePolls,
  releaseStaleClaims,
  setFlowRunState,
  updateWorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { prefectIndexes } from 'kysely-work-queues/migrations'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../../support/databases.js'
import { type Contract, describeOnDatabases } from '../../support/describe-databases.js'
import { testId } from '../../support/factory.js'
import { unindexedForeignKeys } from '../../support/foreign-keys.js'
import { prefectDatabases } from '../../support/prefect-databases.js'
import { recorder } from '../../support/recorder.js'
import { Migrator, NO_MIGRATIONS } from '../../support/migrator.js'

const now = new Date('2035-01-01T12:00:00.123Z')

/** A walk through the functions, and what each returned, with the ids numbered as they first appear. */
async function walk(db: Kysely<WorkQueueTables>): Promise<unknown> {
  const at = (seconds: number): { now: Date } => ({ now: addSeconds(now, seconds) })
  const seen: unknown[] = []
  const step = async <T>(call: Promise<T>): Promise<T> => {
    const result = await call
    seen.push(result)
    return result
  }
  const pool = await step(createWorkPool(db, { name: 'pool', type: 'process', baseJobTemplate: { a_b: ['é'] } }, at(0)))
  const etl = await step(createWorkQueue(db, { name: 'etl', workPoolId: pool.id, concurrencyLimit: 3 }, at(1)))
  const tag = { name: 'tagged', priority: 1, filter: { tags: ['a'], deploymentIds: [testId(1)] }, isPaused: true }
  const tagged = await step(createWorkQueue(db, tag, at(2)))
  await step(ensureWorkQueueExists(db, 'default', at(3)))
  await step(ensureWorkQueueExists(db, 'ensured', at(4)))
  for (const name of ['pool', 'new']) await step(ensureWorkPoolExists(db, { name, type: 'process' }, at(4)))
  await step(ensureWorkQueueExists(db, 'ensured', { workPoolId: pool.id, ...at(4) }))
  const inputs = [
    { workQueueId: etl.id, nextScheduledStartTime: addMinutes(now, 1), tags: ['a'], deploymentId: testId(1) },
    { workQueueName: 'etl', nextScheduledStartTime: now, idempotencyKey: 'k', parameters: { c_d: { eF: 1 } } },
    { workQueueName: 'etl', idempotencyKey: 'k', labels: { 'a.b': 1 } },
    { workQueueId: etl.id, stateName: 'Late', nextScheduledStartTime: addMinutes(now, -1) },
    { workQueueId: etl.id },
  ].map((input, n) => ({ ...input, name: `run ${n}`, flowId: testId(9) }))
  const runs = await step(createFlowRuns(db, inputs, at(5)))
  await step(getRunsInWorkQueue(db, etl.id, { limit: 10, scheduledBefore: now }))
  await step(setFlowRunState(db, runs[3]?.id ?? '', { type: 'PENDING' }, at(6)))
  await step(setFlowRunState(db, runs[3]?.id ?? '', { type: 'RUNNING' }, at(6)))
  await step(getRunsInWorkQueue(db, etl.id))
  await step(db.transaction().execute((trx) => getRunsInWorkQueue(trx, etl.id, { limit: 1 })))
  await step(readWorkQueueStatus(db, etl.id, at(7)))
  await step(
    recordWorkQueuePolls(db, { polledWorkQueueIds: [etl.id, tagged.id], readyWorkQueueIds: [etl.id], ...at(8) }),
  )
  await step(updateWorkQueue(db, tagged.id, { isPaused: false, description: null, priority: 3 }, at(9)))
  await step(getRunsInWorkQueue(db, tagged.id))
  await step(bulkUpdateWorkQueuePriorities(db, pool.id, { [etl.id]: 1 }, at(10)))
  await step(readWorkQueues(db, { orderBy: 'priority' }))
  await step(deleteWorkQueue(db, etl.id, { waitingRuns: { moveTo: tagged.id }, ...at(11) }))
  await step(setFlowRunState(db, runs[3]?.id ?? '', { type: 'COMPLETED', message: 'done' }, at(12)))
  await step(readFlowRuns(db, { filter: { memberOf: tagged.id }, orderBy: 'endTime', descending: true }))
  await step(readFlowRuns(db))
  await step(deleteWorkPool(db, tagged.workPoolId))
  await step(Promise.all([readWorkPools(db), readWorkQueues(db)]))
  return numbered(seen)
}

function numbered(value: unknown, numbers = new Map<string, number>()): unknown {
  const text = JSON.stringify(value).replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => {
    numbers.set(id, numbers.get(id) ?? numbers.size)
    return `#${numbers.get(id)}`
  })
  return JSON.parse(text)
}

describeOnDatabases(
  'the same functions on',
  (t) => {
    const migrateTo = async (target: 'latest' | 'none'): Promise<void> => {
      const migrator = new Migrator({ db: t.database.plain, provider: { getMigrations: async () => prefectIndexes } })
      const { error } = target === 'latest' ? await migrator.migrateToLatest() : await migrator.migrateTo(NO_MIGRATIONS)
      if (error !== undefined) throw error
    }

    test('give the same answers as on our own tables', async () => {
      const own = await (t.kind.dialect === 'postgres' ? postgres : sqliteMemory).create()
      try {
        expect(await walk(t.db)).toEqual(await walk(own.db))
      } finally {
        await own.destroy()
      }
    })

    test('take our indexes, and give the same answers with them', async () => {
      const before = await indexes(t)
      const without = await walk(t.db)
      await deleteEverything(t)
      await migrateTo('latest')
      expect((await indexes(t)).length).toBeGreaterThan(before.length)
      expect(await walk(t.db)).toEqual(without)
      await migrateTo('none')
      expect(await indexes(t)).toEqual(before)
      await migrateTo('latest')
    })

    test('take our indexes as they are where an operator has built or dropped some beforehand', async () => {
      const [db, before] = [t.database.plain, await indexes(t)]
      await migrateTo('latest')
      const after = await indexes(t)
      await migrateTo('none')
      await sql`create index ix_work_pool__default_queue_id on work_pool (default_queue_id)`.execute(db)
      await sql`create index ix_flow_run__pending on flow_run (state_timestamp, id) where state_type = 'PENDING'`.execute(
        db,
      )
      await migrateTo('latest')
      expect(await indexes(t)).toEqual(after)
      for (const name of ['ix_work_pool__default_queue_id', 'ix_flow_run__pending'])
        await db.schema.dropIndex(name).execute()
      await migrateTo('none')
      expect(await indexes(t)).toEqual(before)
      await migrateTo('latest')
    })

    test('have an index for each foreign key between the tables we use', async () => {
      await migrateTo('latest')
      expect(await unindexedForeignKeys(t.database)).toEqual([])
    })

    test('are served by our indexes, next to Prefect’s', async () => {
      await migrateTo('latest')
      const id = await t.make.queue({ concurrency_limit: 5 })
      const neighbour = await t.make.queue()
      await t.make.runs(
        Array.from({ length: 4000 }, (_, n) => ({
          work_queue_id: n % 40 === 0 ? id : neighbour,
          state_type: n % 3 === 0 ? 'COMPLETED' : 'SCHEDULED',
          next_scheduled_start_time: addSeconds(now, -n),
        })),
      )
      await sql`analyze`.execute(t.database.plain)
      const { db, queries } = recorder(t.database)
      await getRunsInWorkQueue(db, id, { limit: 5, scheduledBefore: now })
      const explain = t.kind.dialect === 'postgres' ? 'explain' : 'explain query plan'
      const [query] = queries
      const { rows } = await t.database.plain.executeQuery(
        CompiledQuery.raw(`${explain} ${query?.sql}`, [...(query?.parameters ?? [])]),
      )
      const plan = JSON.stringify(rows)
      for (const name of ['due_by_queue_id', 'due_by_queue_name', 'active_by_queue_id']) expect(plan).toContain(name)
      expect(plan).not.toMatch(/ix_flow_run__(next_scheduled_start_time|state_type)/)
    })

    test('read rows that have nothing but what Prefect’s defaults gave them', async () => {
      const id = await t.make.agentQueue({ name: 'etl', priority: 2 })
      await t.make.run({ work_queue_name: 'etl' })
      const { workQueue, runs } = await getRunsInWorkQueue(t.db, id)
      expect(workQueue).toEqual(await readWorkQueue(t.db, id))
      expect(Math.abs(workQueue.created.getTime() - Date.now())).toBeLessThan(60_000)
      expect(runs).toMatchObject([{ parameters: {}, tags: [], jobVariables: {}, labels: null, runCount: 0 }])
    })

    test('keep with SCHEDULED and PENDING when the run is due, which Prefect’s orchestration reads', async () => {
      const id = await t.make.queue()
      const [run] = await createFlowRuns(t.db, [{ workQueueId: id, nextScheduledStartTime: addMinutes(now, 5) }], {
        now,
      })
      await claimRunsInWorkQueue(t.db, id, { now: addSeconds(now, 1), scheduledBefore: null })
      await releaseStaleClaims(t.db, { pendingBefore: addMinutes(now, 1), now: addSeconds(now, 2) })
      await setFlowRunState(t.db, run?.id ?? '', { type: 'PENDING' }, { now: addSeconds(now, 3) })
      await setFlowRunState(t.db, run?.id ?? '', { type: 'RUNNING' }, { now: addSeconds(now, 4) })
      const states = await t.database.plain
        .selectFrom('flow_run_state')
        .select(['type', sql<string>`state_details ->> 'scheduled_time'`.as('scheduled')])
        .orderBy('timestamp')
        .execute()
      const due = '2035-01-01T12:05:00.123Z'
      expect(states.map(({ type, scheduled }) => [type, scheduled])).toEqual([
        ['SCHEDULED', due],
        ['PENDING', due],
        ['SCHEDULED', due],
        ['PENDING', due],
        ['RUNNING', null],
      ])
    })

    test('leave times that they do not change as exact as Prefect keeps them, in microseconds', async () => {
      const exact = t.kind.dialect === 'postgres' ? '2035-01-01 12:00:00.123456+00' : '2035-01-01 12:00:00.123456'
      const times = ['expected_start_time', 'next_scheduled_start_time', 'start_time'] as const
      const id = await t.make.run({ work_queue_id: await t.make.queue() })
      for (const time of times) await t.make.set('flow_run', id, { [time]: exact })
      const states = ['PENDING', 'RUNNING', 'COMPLETED'] as const
      for (const [n, type] of states.entries()) await setFlowRunState(t.db, id, { type }, { now: addSeconds(now, n) })
      for (const time of times) {
        const text = sql<string>`${t.kind.dialect === 'postgres' ? sql`to_char(${sql.ref(time)} at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS.US')` : sql.ref(time)}`
        const row = await t.database.plain.selectFrom('flow_run').select(text.as('text')).executeTakeFirst()
        expect([time, row?.text]).toEqual([time, '2035-01-01 12:00:00.123456'])
      }
    })

    test('have every column of ours in Prefect’s tables, of the same type', async () => {
      const own = await (t.kind.dialect === 'postgres' ? postgres : sqliteMemory).create()
      try {
        const [ours, prefects] = [await columns(own.plain), await columns(t.database.plain)]
        expect(ours.size).toBeGreaterThan(60)
        for (const [name, column] of ours) expect([name, prefects.get(name)]).toEqual([name, column])
      } finally {
        await own.destroy()
      }
    })
  },
  prefectDatabases,
)

async function indexes({ kind, database }: Contract): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    ${sql.raw(
      kind.dialect === 'postgres'
        ? "select indexname as name from pg_indexes where schemaname = 'public'"
        : "select name from sqlite_schema where type = 'index'",
    )} order by name
  `.execute(database.plain)
  return rows.map(({ name }) => name).filter((name) => !name.includes('migration'))
}

async function deleteEverything({ database: { plain } }: Contract): Promise<void> {
  await plain.updateTable('work_pool').set({ default_queue_id: null }).execute()
  for (const table of ['flow_run', 'work_queue', 'work_pool'] as const) await plain.deleteFrom(table).execute()
}

/** The columns of the five tables, each with its type and whether it may be null. */
async function columns(db: Kysely<WorkQueueTables>): Promise<Map<string, object>> {
  const ours = ['work_pool', 'work_queue', 'worker', 'flow_run', 'flow_run_state']
  const tables = await db.introspection.getTables()
  return new Map(
    tables
      .filter(({ name }) => ours.includes(name))
      .flatMap((table) =>
        table.columns.map(({ name, dataType, isNullable, hasDefaultValue }) => [
          `${table.name}.${name}`,
          { dataType: dataType.toLowerCase(), isNullable, hasDefaultValue },
        ]),
      ),
  )
}
