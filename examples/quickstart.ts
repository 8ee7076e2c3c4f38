// The main job on SQLite in memory: queues with priorities and limits, runs, polls, claims, a pause, and health.
// Run it with `npm run example:quickstart`.

import SQLite from 'better-sqlite3'
import { addMinutes, subMinutes, subSeconds } from 'date-fns'
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
  readWorkQueue,
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

// The time is given, so that this prints the same whenever it runs. Without `now`, functions go by the clock.
const now = new Date('2026-01-05T08:00:00Z')
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
const fed = await createFlowRuns(
  db,
  [
    { name: 'urgent-1', workQueueId: urgent.id, nextScheduledStartTime: subSeconds(now, 50) },
    { name: 'urgent-2', workQueueId: urgent.id, nextScheduledStartTime: subSeconds(now, 40) },
    { name: 'urgent-3', workQueueId: urgent.id, nextScheduledStartTime: subSeconds(now, 30) },
    { name: 'nightly-1', workQueueId: nightly.id, nextScheduledStartTime: subMinutes(now, 10) },
    { name: 'nightly-2', workQueueId: nightly.id, nextScheduledStartTime: addMinutes(now, 60) },
  ],
  { now },
)
for (const { name, stateType, nextScheduledStartTime } of fed) {
  say(`${name} is ${stateType} for ${nextScheduledStartTime?.toISOString()}`)
}
say(`(it is ${now.toISOString()})`)

step('A poll of the queue reads what may start, at most its two open slots; it changes nothing')
await pollUrgent()

step('A poll of the pool goes over its queues by priority, within both limits')
const scheduled = await getScheduledFlowRuns(db, { workPoolIds: [pool.id], scheduledBefore: now })
say(`a poll of the pool reads: ${names(scheduled.map(({ flowRun }) => flowRun))}`)

step('A claim takes the same runs for good: they are PENDING now, and occupy slots')
const claimed = await claimScheduledFlowRuns(db, { workPoolIds: [pool.id], scheduledBefore: now, now })
for (const { flowRun } of claimed) say(`${flowRun.name} is ${flowRun.stateType}`)
const again = await claimScheduledFlowRuns(db, { workPoolIds: [pool.id], scheduledBefore: now, now })
say(`a second claim gets: ${names(again.map(({ flowRun }) => flowRun))}`)

step('Why does urgent-3 not start?')
const [waiting] = await readFlowRuns(db, { filter: { name: { any: ['urgent-3'] } } })
if (waiting !== undefined) say(formatExplanation(await explainFlowRun(db, waiting.id, { now })))

step('A run finishes, and its slot is open again')
const [first] = claimed
if (first !== undefined) {
  await setFlowRunState(db, first.flowRun.id, { type: 'RUNNING' }, { now })
  const { name, stateType } = await setFlowRunState(db, first.flowRun.id, { type: 'COMPLETED' }, { now })
  say(`${name} is ${stateType}`)
}
await pollUrgent()

step('A paused queue hands out nothing')
await pauseUrgent(true)
await pollUrgent()

step('Once resumed and polled, it is READY and healthy')
await pauseUrgent(false)
await pollUrgent()
await recordWorkQueuePolls(db, { polledWorkQueueIds: [urgent.id], readyWorkQueueIds: [urgent.id], now })
await showHealth()

step('A run that was not started in time is marked late, and a queue with late runs is not healthy')
const late = await markLateFlowRuns(db, { scheduledBefore: subSeconds(now, 15), now })
say(`late: ${names(late)}`)
await showHealth()

await db.destroy()

async function pollUrgent(): Promise<void> {
  const { runs } = await getRunsInWorkQueue(db, urgent.id, { scheduledBefore: now })
  say(`a poll of urgent reads: ${names(runs)}`)
}

async function pauseUrgent(isPaused: boolean): Promise<void> {
  await updateWorkQueue(
    db,
    urgent.id,
    { isPaused },
    { now, emitStatusChange: ({ status }) => say(`urgent is ${status}`) },
  )
}

async function showHealth(): Promise<void> {
  const queue = await readWorkQueue(db, urgent.id)
  const { healthy, lateRunsCount } = await readWorkQueueStatus(db, urgent.id, { now })
  say(`urgent is ${queue?.status} and ${healthy ? 'healthy' : 'not healthy'}; its late runs: ${lateRunsCount}`)
}

function step(title: string): void {
  console.log(`\n${title}`)
}

function say(line: string): void {
  console.log(line.replace(/^/gm, '  '))
}
