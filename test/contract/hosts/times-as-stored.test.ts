import { type Kysely, sql } from 'kysely'
import {
  claimRunsInWorkQueue,
  createFlowRuns,
  createWorkQueue,
  explainFlowRun,
  explainWorkQueue,
  formatExplanation,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  markLateFlowRuns,
  readFlowRun,
  readFlowRuns,
  readWorkers,
  readWorkPool,
  readWorkPoolSlotHolders,
  readWorkQueue,
  readWorkQueueSlotHolders,
  readWorkQueueStatus,
  recordWorkQueuePolls,
  releaseStaleClaims,
  setFlowRunState,
  type WorkQueueTables,
} from 'kysely-work-queues'
import pg from 'pg'
import { expect, test } from 'vitest'
import { type DatabaseKind, postgresKind, sqliteMemory } from '../../support/databases.js'
import { type Contract, describeOnDatabases } from '../../support/describe-databases.js'
import { onBoth, onPostgres, onSqlite, timeColumns } from './times/stored-times.js'

type Db = Kysely<WorkQueueTables>

const dateStyles = ['ISO, MDY', 'German, DMY', 'SQL, DMY', 'SQL, MDY', 'Postgres, DMY', 'Postgres, MDY', 'ISO, YMD']
const timeZones = ['UTC', 'Europe/Berlin', 'Asia/Kolkata', 'America/St_Johns', 'Pacific/Kiritimati']
const intervalStyles = ['postgres', 'sql_standard', 'iso_8601', 'postgres_verbose']

/** A pg with a parser of its own for times, as hosts set them. */
function parsing(name: string, parse: (text: string) => unknown): DatabaseKind {
  const times: readonly number[] = [
    pg.types.builtins.TIMESTAMPTZ,
    pg.types.builtins.TIMESTAMP,
    pg.types.builtins.INTERVAL,
  ]
  return postgresKind(`PostgreSQL, times read as ${name},`, {
    types: {
      getTypeParser: (id, format) => (times.includes(id) ? parse : pg.types.getTypeParser(id, format)),
    },
  })
}

const parsers: readonly DatabaseKind[] = [
  postgresKind('PostgreSQL, times read as pg reads them,', {}),
  parsing('text', (text) => text),
  parsing('a number', (text) => Number(new Date(text))),
  parsing('an object', (text) => ({ toString: () => text })),
]

/** A pool with a worker, a queue and two runs of it, one of which occupies a slot, all with the same time in every column of a time. */
async function fill(make: Contract['make'], text: string): Promise<{ pool: string; queue: string; runs: string[] }> {
  const columns = (table: keyof typeof timeColumns) =>
    Object.fromEntries(Object.keys(timeColumns[table]).map((column) => [column, text]))
  const pool = await make.pool(columns('work_pool'))
  const queue = await make.queue({ work_pool_id: pool, ...columns('work_queue') })
  await make.worker({ work_pool_id: pool, ...columns('worker') })
  const runs = [
    await make.run({ work_queue_id: queue, ...columns('flow_run') }),
    await make.run({ work_queue_id: queue, state_type: 'PENDING', ...columns('flow_run') }),
  ]
  await make.state({ flow_run_id: runs[1] ?? '', type: 'PENDING', name: 'Pending', timestamp: text })
  return { pool, queue, runs }
}

/** Every function that reads gives that time for every column of a time. */
async function expectRead(
  db: Db,
  { pool, queue, runs }: Awaited<ReturnType<typeof fill>>,
  milliseconds: number,
): Promise<void> {
  const check = (table: keyof typeof timeColumns, record: object | undefined): void => {
    for (const property of Object.values(timeColumns[table])) {
      expect(record, property).toHaveProperty(property, new Date(milliseconds))
    }
  }
  check('work_pool', await readWorkPool(db, pool))
  check('work_queue', await readWorkQueue(db, queue))
  check('worker', (await readWorkers(db, pool))[0])
  for (const id of runs) check('flow_run', await readFlowRun(db, id))
  const polled = await getRunsInWorkQueue(db, queue)
  check('work_queue', polled.workQueue)
  check('flow_run', polled.runs[0])
  check('flow_run', (await getScheduledFlowRuns(db, { workPoolIds: [pool] }))[0]?.flowRun)
  for (const holders of [await readWorkQueueSlotHolders(db, queue), await readWorkPoolSlotHolders(db, pool)]) {
    check('flow_run', holders[0]?.flowRun)
    expect(holders[0]?.slotAcquiredAt).toEqual(new Date(milliseconds))
  }
  expect((await readWorkQueueStatus(db, queue)).lastPolled).toEqual(new Date(milliseconds))
  const explained = await explainWorkQueue(db, queue)
  expect(explained).toMatchObject({ nextStartTime: new Date(milliseconds), lastPolled: new Date(milliseconds) })
  expect(formatExplanation(explained)).toContain('queue')
  expect(formatExplanation(await explainFlowRun(db, runs[0] ?? ''))).not.toBe('')
}

/** Every function that moves runs takes those with that time, and leaves their start times as they are stored. */
async function expectMoved(t: Contract, db: Db, { queue, runs }: Awaited<ReturnType<typeof fill>>): Promise<void> {
  const [id = ''] = runs
  const stored = async (): Promise<unknown> => {
    const columns = ['next_scheduled_start_time', 'expected_start_time', 'start_time'] as const
    const text = columns.map((column) => sql`cast(${sql.ref(column)} as text) as ${sql.id(column)}`)
    const run = await t.database.plain
      .selectFrom('flow_run')
      .select('id')
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
    return (
      await sql`select ${sql.join(text)} from ${sql.table('flow_run')} where id = ${run.id}`.execute(t.database.plain)
    ).rows
  }
  const before = await stored()
  const last = new Date('9999-12-31T23:59:59.999Z')
  const { runs: claimed } = await claimRunsInWorkQueue(db, queue, { scheduledBefore: null })
  expect(claimed.map((run) => run.id)).toEqual([id])
  expect((await setFlowRunState(db, id, { type: 'RUNNING' })).runCount).toBe(1)
  await setFlowRunState(db, id, { type: 'FAILED' })
  // After a state at the end of year 9999 there is no time before which it could be stale.
  const pending = await setFlowRunState(db, id, { type: 'PENDING' })
  const isFollowed = (pending.stateTimestamp ?? last) < last
  const released = await releaseStaleClaims(db, { pendingBefore: last })
  expect(released.some((run) => run.id === id)).toBe(isFollowed)
  await markLateFlowRuns(db, { scheduledBefore: last })
  expect(await stored()).toEqual(before)
  // Prefect reads these with the run's state, and knows no other years.
  const states = await t.database.plain
    .selectFrom('flow_run_state')
    .select('state_details')
    .where('flow_run_id', '=', id)
    .execute()
  for (const { state_details } of states) {
    const { scheduled_time } = (typeof state_details === 'string' ? JSON.parse(state_details) : state_details) as {
      scheduled_time?: string
    }
    if (scheduled_time !== undefined) expect(scheduled_time).toMatch(/^\d{4}-/)
  }
}

describeOnDatabases(
  'every time of every table',
  (t) => {
    const isPostgres = t.kind.dialect === 'postgres'
    // All with one parser, and all parsers with some.
    const styles = t.kind === parsers[0] ? dateStyles : dateStyles.slice(0, 2)

    test.each(Object.entries(isPostgres ? { ...onBoth, ...onPostgres } : { ...onBoth, ...onSqlite }))(
      '%s is read, by every function',
      async (text, milliseconds) => {
        const ids = await fill(t.make, isPostgres ? inUtc(text) : text)
        await t.db.connection().execute(async (db) => {
          for (const [n, dateStyle] of (isPostgres ? styles : ['']).entries()) {
            if (isPostgres) await set(db, dateStyle, n)
            await expectRead(db, ids, milliseconds)
          }
          await expectMoved(t, db, ids)
        })
      },
    )
  },
  [sqliteMemory, ...parsers],
)

describeOnDatabases(
  'what functions store',
  (t) => {
    test('is the same in every DateStyle, IntervalStyle and time zone', async () => {
      const stories: unknown[] = []
      for (const [n, dateStyle] of dateStyles.entries()) {
        await t.db.connection().execute(async (db) => {
          await set(db, dateStyle, n)
          stories.push(await tell(t, db))
        })
      }
      for (const story of stories) expect(story).toEqual(stories[0])
    })
  },
  parsers,
)

/** A run that is retried, as its rows then are. */
async function tell(t: Contract, db: Db): Promise<unknown> {
  const now = new Date('2026-03-02T03:04:05.678Z')
  const later = new Date('2026-11-02T05:00:00.000Z')
  const queue = await createWorkQueue(db, { name: 'etl', lastPolled: now }, { now })
  const [run] = await createFlowRuns(db, [{ workQueueId: queue.id, nextScheduledStartTime: now }], { now })
  const id = run?.id ?? ''
  await recordWorkQueuePolls(db, { polledWorkQueueIds: [queue.id], readyWorkQueueIds: [queue.id], now: later })
  expect(await readWorkQueueStatus(db, queue.id, { now: later })).toMatchObject({ healthy: true })
  await claimRunsInWorkQueue(db, queue.id, { scheduledBefore: now, now })
  await setFlowRunState(db, id, { type: 'RUNNING' }, { now })
  await setFlowRunState(db, id, { type: 'SCHEDULED', scheduledTime: later }, { now: later })
  await setFlowRunState(db, id, { type: 'RUNNING' }, { now: later })
  expect(await readFlowRuns(db)).toMatchObject([
    { startTime: now, nextScheduledStartTime: later, stateTimestamp: later },
  ])
  const { rows } = await sql<{ row: { state_id: unknown } }>`
    select cast(to_jsonb(run) - 'id' - 'name' - 'flow_id' - 'work_queue_id' - 'state_id' as text) as row from flow_run as run
    union all
    select cast(to_jsonb(state) - 'id' - 'flow_run_id' #- '{state_details,flow_run_id}' as text) from (select * from flow_run_state order by timestamp) as state
    union all
    select cast(to_jsonb(queue) - 'id' - 'work_pool_id' as text) from work_queue as queue where name = 'etl'
  `.execute(t.database.plain)
  expect(rows).toHaveLength(7)
  await t.database.plain.deleteFrom('flow_run').execute()
  await t.database.plain.deleteFrom('work_queue').where('id', '=', queue.id).execute()
  return rows
}

/** A time without a zone, as PostgreSQL takes it whatever its time zone is. */
function inUtc(text: string): string {
  if (text.endsWith('infinity')) return text
  return text.endsWith(' BC') ? text.replace(' BC', '+00 BC') : `${text}+00`
}

/** Sets what a server or a host may set. */
async function set(db: Db, dateStyle: string, n: number): Promise<void> {
  const zone = timeZones[n % timeZones.length]
  const intervalStyle = intervalStyles[n % intervalStyles.length]
  await sql`
    select set_config('DateStyle', ${dateStyle}, false), set_config('TimeZone', ${zone}, false),
      set_config('IntervalStyle', ${intervalStyle}, false)
  `.execute(db)
}
