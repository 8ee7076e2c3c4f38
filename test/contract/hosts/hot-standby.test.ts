import { setTimeout } from 'node:timers/promises'
import { Kysely, PostgresDialect, sql } from 'kysely'
import {
  claimRunsInWorkQueue,
  createFlowRun,
  createWorkPool,
  FlowRunStateConflictError,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  isRetryable,
  pruneFlowRuns,
  readFlowRun,
  readFlowRuns,
  runUpkeep,
  setFlowRunState,
  type WorkQueueTables,
} from 'kysely-work-queues'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { migrate } from '../../support/databases.js'
import { makeWorld, readingCalls, writingCalls } from '../../support/every-call.js'
import { allRows, factory, testId } from '../../support/factory.js'
import { type PostgresServer, startPostgres } from '../../support/start-postgres.js'
import { startStandby } from '../../support/start-standby.js'

// A real hot standby, by streaming replication. What is in docs/how-far-it-goes.md about it, is tried here.

let primary: PostgresServer
let standby: PostgresServer
const pools: pg.Pool[] = []
/** Sessions on the primary, on the standby, and on the standby as a role for which each run that it reads takes a while. */
let writer: Kysely<WorkQueueTables>
let reader: Kysely<WorkQueueTables>
let slowReader: Kysely<WorkQueueTables>

const READ_ONLY = { code: '25006' }
const SECONDS_A_RUN = 0.5

function connect(url: string, config: pg.PoolConfig = {}): Kysely<WorkQueueTables> {
  const pool = new pg.Pool({ connectionString: url, ...config })
  // Servers are stopped here, and connections ended.
  pool.on('error', () => {})
  pool.on('connect', (client) => void client.on('error', () => {}))
  pools.push(pool)
  return new Kysely({ dialect: new PostgresDialect({ pool }) })
}

beforeAll(async () => {
  primary = await startPostgres()
  writer = connect(primary.url)
  await migrate(writer, true)
  await makeWorld(factory({ plain: writer, dialect: 'postgres' }))
  await sql`
    create function takes_a_while() returns boolean language plpgsql as
    ${sql.raw(`$$ begin perform pg_sleep(${SECONDS_A_RUN}); return true; end $$`)}`.execute(writer)
  await sql`create role slow login`.execute(writer)
  await sql`grant select on all tables in schema public to slow`.execute(writer)
  await sql`alter table flow_run enable row level security`.execute(writer)
  await sql`create policy slowly on flow_run for select to slow using (takes_a_while())`.execute(writer)
  standby = await startStandby(primary, {
    // Whoever reads what the primary has removed is cancelled at once.
    settings: ['max_standby_streaming_delay=0', 'wal_receiver_status_interval=1s'],
    changeable: ['hot_standby_feedback = off'],
  })
  reader = connect(standby.url)
  const url = new URL(standby.url)
  url.username = 'slow'
  slowReader = connect(url.href)
  await untilReplayed()
}, 120_000)

afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()))
  await standby.stop()
  await primary.stop()
})

async function valueOf<T>(db: Kysely<WorkQueueTables>, expression: string): Promise<T> {
  const { rows } = await sql<{ value: T }>`select (${sql.raw(expression)}) as value`.execute(db)
  return (rows[0] as { value: T }).value
}

/** Waits until the standby has replayed what is committed on the primary. */
async function untilReplayed(): Promise<void> {
  const position = await valueOf<string>(writer, 'pg_current_wal_insert_lsn()')
  await vi.waitFor(
    async () => expect(await valueOf(reader, `pg_last_wal_replay_lsn() >= '${position}'::pg_lsn`)).toBe(true),
    { timeout: 20_000 },
  )
}

async function rowsOf(db: Kysely<WorkQueueTables>): Promise<Record<string, object[]>> {
  return await allRows({ plain: db })
}

/** What a call that was begun is thrown, `undefined` if nothing. */
async function errorOf(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => undefined,
    (error: unknown) => error,
  )
}

test('it streams, and says that it is a standby', async () => {
  expect(await valueOf(writer, 'pg_is_in_recovery()')).toBe(false)
  expect(await valueOf(reader, 'pg_is_in_recovery()')).toBe(true)
  expect(await valueOf(reader, 'select status from pg_stat_wal_receiver')).toBe('streaming')
})

describe('on a hot standby', () => {
  test.each(Object.entries(readingCalls))('%s answers as on the primary', async (name, call) => {
    const answer = await call(writer)
    expect(answer).toBeDefined()
    expect(await call(reader)).toEqual(answer)
    // In a transaction too, but for polls.
    if (!name.startsWith('get')) expect(await reader.transaction().execute(call)).toEqual(answer)
  })

  test.each(Object.entries(writingCalls))('%s is refused by the server, and changes nothing', async (_, call) => {
    const before = await rowsOf(writer)
    const reports: unknown[] = []
    const error = await errorOf(call(reader, (change) => reports.push(change)))
    expect(error).toMatchObject(READ_ONLY)
    expect(isRetryable(error)).toBe(false)
    expect(reports).toEqual([])
    expect(await rowsOf(writer)).toEqual(before)
    expect(await rowsOf(reader)).toEqual(before)
    // And leaves no transaction behind.
    expect(
      await valueOf(reader, `select count(*)::int from pg_stat_activity where state like 'idle in transaction%'`),
    ).toBe(0)
  })

  test('upkeep fails as a whole, each function with the same error', async () => {
    const error = await errorOf(runUpkeep(reader, { pruneFlowRunsAfterSeconds: 0, pruneWorkersAfterSeconds: 0 }))
    expect(error).toBeInstanceOf(AggregateError)
    const { errors } = error as AggregateError
    expect(errors.length).toBeGreaterThan(5)
    for (const each of errors) expect(each).toMatchObject(READ_ONLY)
    expect(isRetryable(error)).toBe(false)
  })

  test('a poll in a transaction is refused, since it locks', async () => {
    for (const poll of [
      async (db: Kysely<WorkQueueTables>) => void (await getRunsInWorkQueue(db, testId(3))),
      async (db: Kysely<WorkQueueTables>) => void (await getScheduledFlowRuns(db)),
    ]) {
      await poll(reader)
      const error = await errorOf(reader.transaction().execute(poll))
      expect(error).toMatchObject(READ_ONLY)
      // As it is on the primary, where the transaction is read-only.
      expect(await errorOf(writer.transaction().setAccessMode('read only').execute(poll))).toMatchObject(READ_ONLY)
    }
  })

  test('no transaction is serializable', async () => {
    const reading = reader
      .transaction()
      .setIsolationLevel('serializable')
      .execute((trx) => readFlowRuns(trx))
    const error = await errorOf(reading)
    expect(error).toMatchObject({ code: '0A000' })
    expect(isRetryable(error)).toBe(false)
  })

  test('answers are as old as what was replayed', async () => {
    await sql`select pg_wal_replay_pause()`.execute(reader)
    const pool = await createWorkPool(writer, { name: 'lagging' })
    const { flowRun } = await createFlowRun(writer, { workQueueId: pool.defaultQueueId })
    expect(await readFlowRun(reader, flowRun.id)).toBeUndefined()
    await sql`select pg_wal_replay_resume()`.execute(reader)
    await untilReplayed()
    expect(await readFlowRun(reader, flowRun.id)).toEqual(flowRun)

    // A run that was claimed meanwhile is still polled there.
    await sql`select pg_wal_replay_pause()`.execute(reader)
    const workQueueId = pool.defaultQueueId ?? ''
    expect((await claimRunsInWorkQueue(writer, workQueueId)).runs).toMatchObject([{ id: flowRun.id }])
    expect((await getRunsInWorkQueue(writer, workQueueId)).runs).toEqual([])
    expect((await getRunsInWorkQueue(reader, workQueueId)).runs).toEqual([flowRun])
    await sql`select pg_wal_replay_resume()`.execute(reader)
    await untilReplayed()
    expect((await getRunsInWorkQueue(reader, workQueueId)).runs).toEqual([])
  })

  test('what reads rows that the primary has removed is cancelled, and may be tried again; not with feedback', async () => {
    const pool = await createWorkPool(writer, { name: 'removed' })
    const workQueueId = pool.defaultQueueId ?? ''
    const filter = { memberOf: workQueueId }
    /** Reads, and what it reads is removed under its eyes. */
    const readRemoved = async (): Promise<{ error: unknown; removed: number }> => {
      for (let n = 0; n < 2; n++) {
        const { flowRun } = await createFlowRun(writer, { workQueueId })
        await setFlowRunState(writer, flowRun.id, { type: 'COMPLETED' })
      }
      await untilReplayed()
      const reading = errorOf(readFlowRuns(slowReader, { filter }))
      await setTimeout(200)
      const removed = await pruneFlowRuns(writer, {
        finishedBefore: new Date('2100-01-01'),
        workQueueIds: [workQueueId],
      })
      await sql`vacuum flow_run`.execute(writer)
      return { error: await reading, removed: removed.length }
    }
    const cancelled = await readRemoved()
    expect(cancelled).toMatchObject({ error: { code: '40001' }, removed: 2 })
    expect(String(cancelled.error)).toContain('due to conflict with recovery')
    expect(isRetryable(cancelled.error)).toBe(true)
    await untilReplayed()
    expect(await readFlowRuns(slowReader, { filter })).toEqual([])

    await sql`alter system set hot_standby_feedback = on`.execute(reader)
    await sql`select pg_reload_conf()`.execute(reader)
    await vi.waitFor(
      async () => expect(await valueOf(writer, 'select backend_xmin::text from pg_stat_replication')).not.toBeNull(),
      { timeout: 20_000 },
    )
    expect(await readRemoved()).toEqual({ error: undefined, removed: 2 })
  })

  test('what takes too long is cancelled as everywhere, and is not tried again', async () => {
    const url = new URL(standby.url)
    url.username = 'slow'
    const impatient = connect(url.href, { statement_timeout: 100 })
    const error = await errorOf(readFlowRuns(impatient, { filter: { id: { any: [testId(5)] } } }))
    expect(error).toMatchObject({ code: '57014' })
    expect(isRetryable(error)).toBe(false)
  })
})

// The last test: there is one server less afterwards.
test('a standby that is promoted hands out again what was claimed and not replicated; the fence holds', async () => {
  const { defaultQueueId } = await createWorkPool(writer, { name: 'failing over' })
  const workQueueId = defaultQueueId ?? ''
  const { flowRun } = await createFlowRun(writer, { workQueueId })
  await untilReplayed()
  await sql`alter system set primary_conninfo = ''`.execute(reader)
  await sql`select pg_reload_conf()`.execute(reader)
  await vi.waitFor(async () => expect(await valueOf(writer, 'select count(*)::int from pg_stat_replication')).toBe(0), {
    timeout: 20_000,
  })
  const [first] = (await claimRunsInWorkQueue(writer, workQueueId)).runs
  expect(first?.id).toBe(flowRun.id)
  await primary.halt('at once')
  expect(await valueOf(reader, 'pg_promote()')).toBe(true)
  expect(await valueOf(reader, 'pg_is_in_recovery()')).toBe(false)

  const [second] = (await claimRunsInWorkQueue(reader, workQueueId)).runs
  expect(second?.id).toBe(flowRun.id)
  expect(second?.stateId).not.toBe(first?.stateId)
  const start = (stateId: string | null | undefined): Promise<unknown> =>
    setFlowRunState(reader, flowRun.id, { type: 'RUNNING' }, { expectedStateId: stateId ?? undefined })
  await expect(start(first?.stateId)).rejects.toBeInstanceOf(FlowRunStateConflictError)
  await expect(start(second?.stateId)).resolves.toMatchObject({ stateType: 'RUNNING' })
})
