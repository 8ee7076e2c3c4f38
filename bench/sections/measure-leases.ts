import { setTimeout } from 'node:timers/promises'
import { claimRunsInWorkQueue, getRunsInWorkQueue, releaseExpiredLeases, renewLeases } from 'kysely-work-queues'
import { createWorld, now, type World } from '../support/backlog-world.js'
import type { BenchDatabase, Server } from '../support/bench-databases.js'
import { measure, progress, timeOf } from '../support/measure.js'
import { type Goal, ms, ratioText, table } from '../support/report.js'
import { analyze, seedRuns } from '../support/seed.js'

/** How many runs are active, each with a lease, and how many of the leases are of the holder that renews. */
const [LEASES, HELD, EXPIRED] = [10_000, 1_000, 10]

/** How many of which it is seen whether they are HOT. */
const RENEWALS = 50

const HOLDER = 'worker-1'

/** A renewal of a thousand leases, and a look for the expired among ten thousand, beside a poll and a claim of ten runs. */
export async function measureLeases(server: Server): Promise<{ text: string; goals: Goal[]; version: string }> {
  const world = await createWorld(server, 100_000)
  await using database = world.database
  const { db } = database
  await seedLeases(world)
  const queue = world.places[0]?.queue.id ?? ''
  const due = { limit: 10, scheduledBefore: now }

  const held = await renewLeases(db, HOLDER)
  if (held.held.length !== HELD) throw new Error(`${held.held.length} leases were renewed instead of ${HELD}`)
  const before = await updatesOf(database)
  for (let n = 0; n < RENEWALS; n++) await renewLeases(db, HOLDER)
  const hot = hotShare(before, await updatesOf(database))
  let claimed: string[] = []
  const times = await measure([
    { name: 'poll', run: () => getRunsInWorkQueue(db, queue, due) },
    {
      name: 'claim',
      run: async () => {
        claimed = (await claimRunsInWorkQueue(db, queue, due)).runs.map(({ id }) => id)
      },
      after: async () => await giveBack(database, claimed),
    },
    {
      name: 'claim for a holder',
      run: async () => {
        claimed = (await claimRunsInWorkQueue(db, queue, { ...due, holder: 'worker-2' })).runs.map(({ id }) => id)
      },
      after: async () => await giveBack(database, claimed),
    },
    { name: 'renewal', run: () => renewLeases(db, HOLDER) },
    // Finds what has expired, and releases none of it.
    { name: 'expired', run: () => releaseExpiredLeases(db, { limit: 0 }) },
    { name: 'none', run: () => releaseExpiredLeases(db, { now: new Date('2021-01-01') }) },
  ])
  progress(`${server.name}: leases${hot === undefined ? '' : `; HOT updates ${(hot * 100).toFixed(1)} %`}`)

  const time = (name: string): number => timeOf(times, name)
  const [poll, claim] = [time('poll'), time('claim')]
  const rows = [
    ['`getRunsInWorkQueue` of ten runs', 'poll'],
    ['`claimRunsInWorkQueue` of ten runs', 'claim'],
    ['`claimRunsInWorkQueue` of ten runs, for a holder', 'claim for a holder'],
    [`\`renewLeases\` of ${HELD}, among ${LEASES}`, 'renewal'],
    [`\`releaseExpiredLeases\`, which finds ${EXPIRED} among ${LEASES} and releases none`, 'expired'],
    [`\`releaseExpiredLeases\`, where none of ${LEASES} has expired`, 'none'],
  ].map(([title = '', name = '']) => [
    title,
    ms(time(name)),
    ratioText(time(name) / poll),
    ratioText(time(name) / claim),
  ])
  const goals = [
    {
      name: `finding ${EXPIRED} expired among ${LEASES} leases, against a poll, ${server.name}`,
      ratio: time('expired') / poll,
      atMost: 2,
    },
    {
      name: `looking for expired ones among ${LEASES} leases, against a poll, ${server.name}`,
      ratio: time('none') / poll,
      atMost: 2,
    },
  ]
  if (hot !== undefined) {
    goals.push({
      name: `updates of leases that are not HOT, of 5 %, ${server.name}`,
      ratio: (1 - hot) / 0.05,
      atMost: 1,
    })
  }
  const share =
    hot === undefined
      ? ''
      : `\n\nOf ${RENEWALS} renewals' updates ${(hot * 100).toFixed(1)} % were HOT, without a vacuum.`
  return {
    text: `${table([server.name, 'ms', 'to the poll', 'to the claim'], rows)}${share}`,
    goals,
    version: `${server.name} ${database.version}`,
  }
}

/** Active runs that have been PENDING and then RUNNING, with their leases. */
async function seedLeases({ database, places }: World): Promise<void> {
  const isPostgres = database.name === 'PostgreSQL'
  // In a pool of its own, so that polls count what they did.
  const workQueueId = places.at(-1)?.queue.id ?? ''
  await seedRuns(database, { workQueueId, count: LEASES, stateType: 'RUNNING', start: '2020-01-01' })
  const isLeased = `next_scheduled_start_time < '2021-01-01' and state_type = 'RUNNING'`
  const newId = isPostgres ? 'gen_random_uuid()' : SQLITE_UUID
  const columns = 'id, flow_run_id, type, name, "timestamp"'
  const time = (text: string): string => (isPostgres ? `timestamptz '${text}+00'` : `'${text}.000000'`)
  await database.run(`
    insert into flow_run_state (${columns})
      select ${newId}, id, 'PENDING', 'Pending', ${time('2026-01-01 00:00:00')} from flow_run where ${isLeased};
    insert into flow_run_state (${columns})
      select ${newId}, id, 'RUNNING', 'Running', ${time('2026-01-01 00:00:01')} from flow_run where ${isLeased};
    insert into flow_run_lease (flow_run_id, state_id, holder, acquired_at, expires_at)
      select flow_run_id, id, case when row_number() over (order by flow_run_id) <= ${HELD} then '${HOLDER}' else 'worker-9' end,
        "timestamp", case when row_number() over (order by id) <= ${EXPIRED} then ${time('2022-01-01 00:00:00')}
          else ${time('2100-01-01 00:00:00')} end
      from flow_run_state where type = 'PENDING'`)
  // The holder's own are renewed, and so have not expired.
  await analyze(database)
}

const SQLITE_UUID = `lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
  || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))`

async function giveBack(database: BenchDatabase, ids: readonly string[]): Promise<void> {
  if (ids.length !== 10) throw new Error(`${ids.length} runs were claimed instead of 10`)
  const list = ids.map((id) => `'${id}'`).join(', ')
  await database.run(`
    update flow_run set state_type = 'SCHEDULED', state_name = 'Scheduled', state_id = null where id in (${list});
    delete from flow_run_lease where flow_run_id in (${list});
    delete from flow_run_state where flow_run_id in (${list})`)
}

interface Updates {
  readonly all: number
  readonly hot: number
}

/** How many leases were updated so far. PostgreSQL only, which says so a second later. */
async function updatesOf({ driver }: BenchDatabase): Promise<Updates | undefined> {
  if (driver.kind === 'sqlite') return undefined
  await setTimeout(2_000)
  const { rows } = await driver.pool.query<{ all: string; hot: string }>(
    `select n_tup_upd as all, n_tup_hot_upd as hot from pg_stat_user_tables where relname = 'flow_run_lease'`,
  )
  return { all: Number(rows[0]?.all), hot: Number(rows[0]?.hot) }
}

function hotShare(before: Updates | undefined, after: Updates | undefined): number | undefined {
  if (before === undefined || after === undefined) return undefined
  return (after.hot - before.hot) / (after.all - before.all)
}
