// The main job on SQLite in memory: queues with priorities and limits, runs, polls, claims, a pause, and health.
// Run it with `npm run quickstart`.

import SQLite from 'better-sqlite3'
import { addSeconds, subMinutes } from 'date-fns'
import { Kysely, Migrator, SqliteDialect } from 'kysely'
import {
  claimScheduledFlowRuns,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  explainFlowRun,
  type FlowRun,
  formatExplanation,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  markLateFlowRuns,
  readFlowRuns,
  readWorkQueues,
  readWorkQueueStatus,
  recordWorkQueuePolls,
  setFlowRunState,
  updateWorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { migrations } from 'kysely-work-queues/migrations'

// The host's own Kysely instance. The library opens no connection: every function takes this as its first argument.
const db = new Kysely<WorkQueueTables>({ dialect: new SqliteDialect({ database: new SQLite(':memory:') }) })
const { error } = await new Migrator({ db, provider: { getMigrations: async () => migrations } }).migrateToLatest()
if (error !== undefined) throw error

const now = new Date()
const names = (runs: readonly FlowRun[]): string => runs.map((run) => run.name).join(', ') || 'none'

step('A work pool has queues; a smaller priority number is handed out first')
const pool = await createWorkPool(db, { name: 'etl', type: 'process', concurrencyLimit: 3 }, { now })
const nightly = await createWorkQueue(db, { name: 'nightly', workPoolId: pool.id }, { now })
const urgent = await createWorkQueue(
  db,
  { name: 'urgent', workPoolId: pool.id, priority: 1, concurrencyLimit: 2 },
  { now },
)
for (const queue of await readWorkQueues(db, { workPoolId: pool.id, orderBy: 'priority' })) {
  say(`${queue.priority}. ${queue.name} (limit ${queue.concurrencyLimit ?? 'none'})`)
}

step('Runs are fed to the queues, each with the time at which it is due')
await createFlowRuns(
  db,
  [
    { name: 'urgent-1', workQueueId: urgent.id, nextScheduledStartTime: addSeconds(now, -50) },
    { name: 'urgent-2', workQueueId: urgent.id, nextScheduledStartTime: addSeconds(now, -40) },
    { name: 'urgent-3', workQueueId: urgent.id, nextScheduledStartTime: addSeconds(now, -30) },
    { name: 'nightly-1', workQueueId: nightly.id, nextScheduledStartTime: subMinutes(now, 10) },
    { name: 'nightly-2', workQueueId: nightly.id, nextScheduledStartTime: addSeconds(now, 3600) },
  ],
  { now },
)

step('A poll of the queue reads what may start, at most its two open slots; it changes nothing')
const polled = await getRunsInWorkQueue(db, urgent.id, { scheduledBefore: now })
say(`urgent: ${names(polled.runs)}`)

step('A poll of the pool goes over its queues by priority, within both limits')
const scheduled = await getScheduledFlowRuns(db, { workPoolIds: [pool.id], scheduledBefore: now })
say(`pool: ${names(scheduled.map(({ flowRun }) => flowRun))}`)

step('A claim takes the same runs for good: they are PENDING now, and occupy slots')
const claimed = await claimScheduledFlowRuns(db, { workPoolIds: [pool.id], scheduledBefore: now, now })
for (const { flowRun } of claimed) say(`${flowRun.name} is ${flowRun.stateType}`)
say(
  `a second claim gets: ${names((await claimScheduledFlowRuns(db, { workPoolIds: [pool.id], now })).map((run) => run.flowRun))}`,
)

step('Why does urgent-3 not start?')
const [third] = await readFlowRuns(db, { filter: { name: { any: ['urgent-3'] } } })
if (third !== undefined) say(formatExplanation(await explainFlowRun(db, third.id, { now })))

step('A run finishes, and its slot is open again')
const [first] = claimed
if (first !== undefined) {
  await setFlowRunState(db, first.flowRun.id, { type: 'RUNNING' }, { now })
  await setFlowRunState(db, first.flowRun.id, { type: 'COMPLETED' }, { now })
}
say(`urgent: ${names((await getRunsInWorkQueue(db, urgent.id, { scheduledBefore: now })).runs)}`)

step('A paused queue hands out nothing')
await updateWorkQueue(
  db,
  urgent.id,
  { isPaused: true },
  { now, emitStatusChange: (queue) => say(`status: ${queue.status}`) },
)
say(`urgent: ${names((await getRunsInWorkQueue(db, urgent.id, { scheduledBefore: now })).runs)}`)
await updateWorkQueue(
  db,
  urgent.id,
  { isPaused: false },
  { now, emitStatusChange: (queue) => say(`status: ${queue.status}`) },
)

step('Health: recently polled, and no late runs')
await recordWorkQueuePolls(db, { polledWorkQueueIds: [urgent.id], readyWorkQueueIds: [urgent.id], now })
await showHealth()
const late = await markLateFlowRuns(db, { scheduledBefore: addSeconds(now, -15), now })
say(`marked late: ${names(late)}`)
await showHealth()

await db.destroy()

async function showHealth(): Promise<void> {
  const { healthy, lateRunsCount } = await readWorkQueueStatus(db, urgent.id, { now })
  say(`urgent is ${healthy ? 'healthy' : 'not healthy'}: ${lateRunsCount} late runs`)
}

function step(title: string): void {
  console.log(`\n${title}`)
}

function say(line: string): void {
  console.log(line.replace(/^/gm, '  '))
}
