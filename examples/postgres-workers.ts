// Four worker processes claim from one pool over PostgreSQL, at different isolation levels. One dies with what it has claimed. The
// limits are kept all the time, every run is completed once, and what the dead worker held is given back.
// Run it with `npm run example examples/postgres-workers.ts`.

import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { subSeconds } from 'date-fns'
import { Kysely, Migrator, PostgresDialect, sql } from 'kysely'
import {
  countFlowRuns,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  type FlowRun,
  markWorkersOffline,
  readWorkers,
  releaseStaleClaims,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { migrations } from 'kysely-work-queues/migrations'
import pg from 'pg'
import type { Report, Settings } from './postgres-workers.worker.js'
import { createDatabase } from './support/database.js'

const RUNS = 40
const POOL_LIMIT = 4
const URGENT_LIMIT = 2

await using database = await createDatabase()
await using db = new Kysely<WorkQueueTables>({
  dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: database.url }) }),
})
const { error } = await new Migrator({ db, provider: { getMigrations: async () => migrations } }).migrateToLatest()
if (error !== undefined) throw error

const pool = await createWorkPool(db, { name: 'etl', type: 'process', concurrencyLimit: POOL_LIMIT })
const urgent = await createWorkQueue(db, { name: 'urgent', workPoolId: pool.id, concurrencyLimit: URGENT_LIMIT })
const nightly = await createWorkQueue(db, { name: 'nightly', workPoolId: pool.id })
await createFlowRuns(
  db,
  Array.from({ length: RUNS }, (_, n) => ({
    name: `run-${n + 1}`,
    workQueueId: n % 2 === 0 ? urgent.id : nightly.id,
    nextScheduledStartTime: new Date(),
  })),
)
say(`${RUNS} runs for 4 workers; the pool's limit is ${POOL_LIMIT}, that of its queue "urgent" is ${URGENT_LIMIT}`)

const reports = new Map<string, Report>()
const workers = (['read committed', 'repeatable read', 'serializable', 'read committed'] as const).map((isolation, n) =>
  start({ url: database.url, workPoolId: pool.id, name: `worker-${n + 1}`, isolation, diesAfterFirstClaim: n === 3 }),
)

// What a host does on a timer meanwhile, and a look at the slots with a query of our own.
const most = { pool: 0, urgent: 0 }
const givenBack: FlowRun[] = []
while ((await countFlowRuns(db, { filter: { stateType: { any: ['COMPLETED'] } } })) < RUNS) {
  await watchSlots()
  // Nobody here takes five seconds from a claim to the start. In earnest it would be minutes.
  givenBack.push(...(await releaseStaleClaims(db, { pendingBefore: subSeconds(new Date(), 5) })))
  await setTimeout(20)
}
for (const worker of workers) if (worker.connected) worker.send('stop')
await Promise.all(workers.map((worker) => exitOf(worker)))
// Workers said that they send a heartbeat each second. In earnest this too is on the timer.
await markWorkersOffline(db, { now: new Date(Date.now() + 3500) })

for (const [name, { isolation, completed, retries }] of reports) {
  say(`${name} (${isolation}) completed ${completed} runs and retried ${retries} times`)
}
const died = workers.filter(({ signalCode }) => signalCode !== null).length
say(`workers that died: ${died}; claims given back: ${givenBack.length}`)
say(`most active at once: ${most.pool} in the pool, ${most.urgent} in "urgent"`)
const { rows } = await sql<{ runs: number; times: number }>`
  select count(distinct flow_run_id)::int as runs, count(*)::int as times from flow_run_state where type = 'RUNNING'
`.execute(db)
say(`runs started: ${rows[0]?.runs}, in all ${rows[0]?.times} times`)
say(`workers online in the end: ${(await readWorkers(db, pool.id, { status: 'ONLINE' })).length}`)

async function watchSlots(): Promise<void> {
  const { rows } = await sql<{ pool: number; urgent: number }>`
    select count(*)::int as pool, (count(*) filter (where work_queue_id = ${urgent.id}))::int as urgent
    from flow_run where state_type in ('PENDING', 'RUNNING', 'CANCELLING')
  `.execute(db)
  most.pool = Math.max(most.pool, rows[0]?.pool ?? 0)
  most.urgent = Math.max(most.urgent, rows[0]?.urgent ?? 0)
}

function start(settings: Settings): ChildProcess {
  const worker = fork(fileURLToPath(new URL('postgres-workers.worker.ts', import.meta.url)), [JSON.stringify(settings)])
  worker.on('message', (report: Report) => reports.set(settings.name, report))
  return worker
}

async function exitOf(worker: ChildProcess): Promise<void> {
  if (worker.exitCode === null && worker.signalCode === null) {
    await new Promise((resolve) => worker.once('exit', resolve))
  }
}

function say(line: string): void {
  console.log(line)
}
