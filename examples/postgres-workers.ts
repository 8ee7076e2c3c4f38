// Five worker processes claim from one pool over PostgreSQL, at different isolation levels. One is killed and one frozen while they run
// something. The limits are kept all the time, every run is completed once, and what both held is given back when their leases have
// expired. The frozen one wakes up, and can no longer end the run that is another's by now.
// Run it with `npm run example examples/postgres-workers.ts`.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Kysely, Migrator, PostgresDialect, sql } from 'kysely'
import {
  countFlowRuns,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  type FlowRun,
  markWorkersOffline,
  readWorkers,
  releaseExpiredLeases,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { migrations } from 'kysely-work-queues/migrations'
import type { Report, Settings } from './postgres-workers.worker.js'
import { createDatabase } from './support/database.js'
import { openPool } from './support/pool.js'

const RUNS = 40
const POOL_LIMIT = 4
const URGENT_LIMIT = 2
// Short, so that the example is. In earnest it would be a minute.
const LEASE_SECONDS = 1

await using database = await createDatabase()
await using db = new Kysely<WorkQueueTables>({
  dialect: new PostgresDialect({ pool: openPool({ connectionString: database.url }) }),
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
say(`${RUNS} runs for 5 workers; the pool's limit is ${POOL_LIMIT}, that of its queue "urgent" is ${URGENT_LIMIT}`)

interface Worker {
  readonly process: ChildProcess
  readonly fate: Settings['fate']
  readonly ended: Promise<unknown>
  report?: Extract<Report, { kind: 'end' }>
}

let lastMishap = 0
const workers = new Map<string, Worker>()
for (const [isolation, fate] of [
  ['read committed', 'none'],
  ['repeatable read', 'none'],
  ['serializable', 'none'],
  ['read committed', 'killed'],
  ['read committed', 'frozen'],
] as const) {
  const name = `worker-${workers.size + 1}`
  workers.set(
    name,
    start({ url: database.url, workPoolId: pool.id, name, isolation, leaseSeconds: LEASE_SECONDS, fate }),
  )
}

// What a host does on a timer meanwhile, and a look at the slots with a query of our own.
const slots = { now: 0, mostInPool: 0, mostInUrgent: 0 }
const released: FlowRun[] = []
let lastRelease = 0
while ((await countFlowRuns(db, { filter: { stateType: { any: ['COMPLETED'] } } })) < RUNS) {
  await watchSlots()
  // These runs may be run again from their start: otherwise leave `runningTo` out, and they become CRASHED.
  const expired = await releaseExpiredLeases(db, { runningTo: 'SCHEDULED' })
  if (expired.length > 0) lastRelease = Date.now()
  released.push(...expired)
  await setTimeout(20)
}
for (const { process, fate } of workers.values()) {
  if (fate === 'frozen') process.kill('SIGCONT')
  if (process.connected) process.send('stop')
}
await Promise.all([...workers.values()].map(({ ended }) => ended))
// Workers said that they send a heartbeat each second. In earnest this too is on the timer.
await markWorkersOffline(db, { now: new Date(Date.now() + 3500) })

for (const [name, { report, fate }] of workers) {
  if (report === undefined) say(`${name} was ${fate}`)
  else say(`${name} (${report.isolation}) completed ${report.completed} runs and retried ${report.retries} times`)
}
const frozen = [...workers.values()].find(({ fate }) => fate === 'frozen')
say(`leases that expired and were released: ${released.length}; late writes refused: ${frozen?.report?.refused}`)
say(`the last was released ${lastRelease - lastMishap} ms after the last mishap; a lease is ${1000 * LEASE_SECONDS} ms`)
say(`most active at once: ${slots.mostInPool} in the pool, ${slots.mostInUrgent} in "urgent"`)
const { rows } = await sql<{ runs: number; times: number }>`
  select count(distinct flow_run_id)::int as runs, count(*)::int as times from flow_run_state where type = 'COMPLETED'
`.execute(db)
say(`runs completed: ${rows[0]?.runs}, in all ${rows[0]?.times} times`)
await watchSlots()
say(
  `slots held in the end: ${slots.now}; workers online: ${(await readWorkers(db, pool.id, { status: 'ONLINE' })).length}`,
)

async function watchSlots(): Promise<void> {
  const { rows } = await sql<{ pool: number; urgent: number }>`
    select count(*)::int as pool, (count(*) filter (where work_queue_id = ${urgent.id}))::int as urgent
    from flow_run where state_type in ('PENDING', 'RUNNING', 'CANCELLING')
  `.execute(db)
  slots.now = rows[0]?.pool ?? 0
  slots.mostInPool = Math.max(slots.mostInPool, slots.now)
  slots.mostInUrgent = Math.max(slots.mostInUrgent, rows[0]?.urgent ?? 0)
}

function start(settings: Settings): Worker {
  const process = fork(fileURLToPath(new URL('postgres-workers.worker.ts', import.meta.url)), [
    JSON.stringify(settings),
  ])
  const worker: Worker = { process, fate: settings.fate, ended: once(process, 'exit') }
  process.on('message', (report: Report) => {
    if (report.kind === 'end') worker.report = report
    else worker.process.kill(settings.fate === 'killed' ? 'SIGKILL' : 'SIGSTOP')
    if (report.kind === 'running') lastMishap = Date.now()
  })
  return worker
}

function say(line: string): void {
  console.log(line)
}
