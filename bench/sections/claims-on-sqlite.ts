import type SQLite from 'better-sqlite3'
import { Kysely, SqliteDialect } from 'kysely'
import {
  claimRunsInWorkQueue,
  createWorkPool,
  createWorkQueue,
  type FlowRun,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { withPreparedStatements } from 'kysely-work-queues/sqlite'
import { v7 as newId } from 'uuid'
import { startSqlite } from '../support/bench-databases.js'
import { measure, progress, type Timed, timeOf } from '../support/measure.js'
import { type Goal, ms, ratioText, table } from '../support/report.js'
import { analyze, seedRuns } from '../support/seed.js'
import { BATCH, prepared } from '../support/takers.js'

const BACKLOG = 40_000
const LIMIT = 1000

const BY_HAND = 'by hand, better-sqlite3'
const OURS = '`claimRunsInWorkQueue`'
const PREPARED = prepared(OURS)
const LIMITED = ', limits of queue and pool'

/** What a claim takes on SQLite, beside the same by hand: statements prepared once, and no checks. */
export async function measureClaimsOnSqlite(): Promise<{ text: string; goals: Goal[] }> {
  await using database = await startSqlite().open()
  const { db, driver } = database
  if (driver.kind !== 'sqlite') throw new Error('this is measured on SQLite')
  const dialect = new SqliteDialect({ database: withPreparedStatements(driver.database) })
  const sessions = { [OURS]: db, [PREPARED]: new Kysely<WorkQueueTables>({ dialect }) }
  const giveBack = prepareGivingBack(driver.database)
  const timed: Timed[] = []
  for (const concurrencyLimit of [null, LIMIT]) {
    const { id: workPoolId } = await createWorkPool(db, { name: `pool of ${concurrencyLimit}`, concurrencyLimit })
    const { id: queueId } = await createWorkQueue(db, { name: 'queue', workPoolId, concurrencyLimit })
    await seedRuns(database, { workQueueId: queueId, count: BACKLOG })
    const isLimited = concurrencyLimit !== null
    const claimByHand = prepareClaim(driver.database, { queueId, workPoolId, isLimited })
    let taken: readonly string[] = []
    const time = (name: string, claim: () => Promise<readonly string[]>): void => {
      timed.push({
        name: isLimited ? `${name}${LIMITED}` : name,
        run: async () => (taken = await claim()),
        after: async () => giveBack(taken),
      })
    }
    for (const [name, session] of Object.entries(sessions)) {
      time(name, async () => {
        const { runs } = await claimRunsInWorkQueue(session, queueId, { limit: BATCH })
        return runs.map(({ id }) => id)
      })
    }
    time(BY_HAND, async () => claimByHand())
  }
  await analyze(database)
  const times = await measure(timed)
  progress('claims: on SQLite')
  const rows = ['', LIMITED].flatMap((limits) =>
    [OURS, PREPARED].map((name) => {
      const ours = timeOf(times, `${name}${limits}`)
      const byHand = timeOf(times, `${BY_HAND}${limits}`)
      return { name: `${name}${limits}`, ours, byHand, ratio: ours / byHand }
    }),
  )
  return {
    text: table(
      [`SQLite ${database.version}: taking ${BATCH}, ms`, 'ours', 'by hand', 'ours of by hand'],
      rows.map(({ name, ours, byHand, ratio }) => [name, ms(ours), ms(byHand), ratioText(ratio)]),
    ),
    goals: rows.map(({ name, ratio }) => ({ name: `${name}, on SQLite, against by hand`, ratio, atMost: 2.5 })),
  }
}

interface Owner {
  readonly queueId: string
  readonly workPoolId: string
  readonly isLimited: boolean
}

/** The same claim by hand: it counts the slots of queue and pool, picks, writes history, and returns the whole rows. */
function prepareClaim(database: SQLite.Database, { queueId, workPoolId, isLimited }: Owner): () => readonly string[] {
  const occupies = `state_type in ('PENDING', 'RUNNING', 'CANCELLING')`
  const slots = database.prepare(`
    select min(queue.concurrency_limit, pool.concurrency_limit)
      - (select count(*) from flow_run where ${occupies} and work_queue_id in (select id from work_queue where work_pool_id = pool.id))
    from work_queue as queue join work_pool as pool on pool.id = queue.work_pool_id where queue.id = ? and pool.id = ?`)
  const pick = database.prepare(`
    select id from flow_run where work_queue_id = ? and state_type = 'SCHEDULED' and next_scheduled_start_time <= ?
    order by next_scheduled_start_time, id limit ?`)
  const enter = database.prepare(`
    insert into flow_run_state (id, created, updated, type, timestamp, name, state_details, flow_run_id)
    select value ->> 1, @now, @now, 'PENDING', @now, 'Pending', '{}', value ->> 0 from json_each(@states)`)
  const update = database.prepare(`
    update flow_run set state_id = state.value ->> 1, state_type = 'PENDING', state_name = 'Pending', state_timestamp = @now,
      expected_start_time = coalesce(expected_start_time, next_scheduled_start_time), updated = @now
    from json_each(@states) as state where flow_run.id = state.value ->> 0 returning *`)
  const claim = database.transaction((): readonly string[] => {
    const now = `${new Date().toISOString().replace('T', ' ').replace('Z', '')}000`
    const open = isLimited ? (slots.pluck().get(queueId, workPoolId) as number) : BATCH
    const ids = pick.pluck().all(queueId, now, Math.min(BATCH, open)) as string[]
    const states = JSON.stringify(ids.map((id) => [id, newId()]))
    enter.run({ states, now })
    return (update.all({ states, now }) as Pick<FlowRun, 'id'>[]).map(({ id }) => id)
  })
  return () => claim.immediate()
}

/** Puts what was claimed back, as if nothing had been. */
function prepareGivingBack(database: SQLite.Database): (ids: readonly string[]) => void {
  const update = database.prepare(`
    update flow_run set state_type = 'SCHEDULED', state_name = 'Scheduled', state_timestamp = '2026-01-01 00:00:00.000000'
    where id in (select value from json_each(?))`)
  const forget = database.prepare(`
    delete from flow_run_state where type = 'PENDING' and flow_run_id in (select value from json_each(?))`)
  return (ids) => {
    const list = JSON.stringify(ids)
    update.run(list)
    forget.run(list)
  }
}
