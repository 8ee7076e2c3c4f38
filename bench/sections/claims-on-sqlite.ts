import type SQLite from 'better-sqlite3'
import { claimRunsInWorkQueue, createWorkPool, createWorkQueue, type FlowRun } from 'kysely-work-queues'
import { v7 as newId } from 'uuid'
import { startSqlite } from '../support/bench-databases.js'
import { measure, progress, type Timed, timeOf } from '../support/measure.js'
import { type Goal, ms, ratioText, table } from '../support/report.js'
import { analyze, seedRuns } from '../support/seed.js'
import { BATCH } from '../support/takers.js'

const BACKLOG = 40_000
const LIMIT = 1000

const BY_HAND = 'by hand, better-sqlite3'
const OURS = '`claimRunsInWorkQueue`'
const limited = (name: string): string => `${name}, limits of queue and pool`

/** What a claim takes on SQLite, beside the same by hand: statements prepared once, and no checks. */
export async function measureClaimsOnSqlite(): Promise<{ text: string; goals: Goal[] }> {
  await using database = await startSqlite().open()
  const { db, driver } = database
  if (driver.kind !== 'sqlite') throw new Error('this is measured on SQLite')
  const timed: Timed[] = []
  for (const concurrencyLimit of [null, LIMIT]) {
    const { id: workPoolId } = await createWorkPool(db, { name: `pool of ${concurrencyLimit}`, concurrencyLimit })
    const { id: queueId } = await createWorkQueue(db, { name: 'queue', workPoolId, concurrencyLimit })
    await seedRuns(database, { workQueueId: queueId, count: BACKLOG })
    const name = (whose: string): string => (concurrencyLimit === null ? whose : limited(whose))
    const claimByHand = prepareClaim(driver.database, { queueId, workPoolId, isLimited: concurrencyLimit !== null })
    const giveBack = prepareGivingBack(driver.database)
    let taken: readonly string[] = []
    timed.push(
      {
        name: name(OURS),
        run: async () => (taken = (await claimRunsInWorkQueue(db, queueId, { limit: BATCH })).runs.map(({ id }) => id)),
        after: async () => giveBack(taken),
      },
      { name: name(BY_HAND), run: () => (taken = claimByHand()), after: async () => giveBack(taken) },
    )
  }
  await analyze(database)
  const times = await measure(timed)
  progress('claims: on SQLite')
  const ratio = (name: (whose: string) => string): number => timeOf(times, name(OURS)) / timeOf(times, name(BY_HAND))
  const kinds: readonly ((whose: string) => string)[] = [(whose) => whose, limited]
  return {
    text: table(
      [`SQLite ${database.version}: taking ${BATCH}, ms`, 'ours', 'by hand', 'ours of by hand'],
      kinds.map((name) => [
        name(OURS),
        ms(timeOf(times, name(OURS))),
        ms(timeOf(times, name(BY_HAND))),
        ratioText(ratio(name)),
      ]),
    ),
    goals: kinds.map((name) => ({
      name: `${name(OURS)}, on SQLite, against by hand`,
      ratio: ratio(name),
      atMost: 2.5,
    })),
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
