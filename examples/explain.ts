// Why does this run not start? Explanations of runs that are paused, full, behind, not due, not polled, and handed out.
// Run it with `npm run example:explain`.

import { addMinutes, subMinutes } from 'date-fns'
import {
  explainFlowRun,
  explainWorkQueue,
  type FlowRun,
  formatExplanation,
  recordWorkerHeartbeat,
  recordWorkQueuePolls,
  updateWorkQueue,
  type WorkQueue,
} from 'kysely-work-queues'
import {
  createTestSession,
  makeFlowRun,
  makeWorkPool,
  makeWorkQueue,
  retryFlowRun,
  startFlowRun,
} from 'kysely-work-queues/testing'

// A session of the test kit, so that the example needs no server. Every function takes your own Kysely instance in its place.
await using db = await createTestSession()
const now = new Date('2026-01-05T08:00:00Z')

const pool = await makeWorkPool(db, { name: 'etl', concurrencyLimit: 3 }, { now })
const urgent = await makeWorkQueue(
  db,
  { name: 'urgent', workPoolId: pool.id, priority: 1, concurrencyLimit: 2 },
  { now },
)
const nightly = await makeWorkQueue(db, { name: 'nightly', workPoolId: pool.id }, { now })
const first = await makeRun('first', urgent, subMinutes(now, 4))
const second = await makeRun('second', urgent, subMinutes(now, 3))
const third = await makeRun('third', urgent, subMinutes(now, 2))
const fourth = await makeRun('fourth', urgent, subMinutes(now, 1))
const report = await makeRun('report', nightly, subMinutes(now, 1))

await explain('Nobody polls the queue, and no worker is online', fourth)

await recordWorkQueuePolls(db, { polledWorkQueueIds: [urgent.id, nightly.id], readyWorkQueueIds: [urgent.id], now })
await recordWorkerHeartbeat(db, pool.id, 'worker-1', { now })
await explain('Two runs of the queue come before it', third)

await startFlowRun(db, first.id, { now: subMinutes(now, 3) })
await startFlowRun(db, second.id, { now: subMinutes(now, 2) })
await explain('Two runs hold the slots of the queue', third)
await explain('The pool still has a slot for its other queue', report)

await updateWorkQueue(db, nightly.id, { isPaused: true }, { now })
await explain('The queue is paused', report)

await retryFlowRun(db, fourth.id, { in: { minutes: 5 }, now })
await explain('The run was put off', fourth)

say('And the queue as a whole', formatExplanation(await explainWorkQueue(db, urgent.id, { now: addMinutes(now, 2) })))

async function makeRun(name: string, queue: WorkQueue, nextScheduledStartTime: Date): Promise<FlowRun> {
  return await makeFlowRun(db, { name, workQueueId: queue.id, nextScheduledStartTime }, { now: subMinutes(now, 10) })
}

async function explain(title: string, run: FlowRun): Promise<void> {
  say(`${title}: why does ${run.name} not start?`, formatExplanation(await explainFlowRun(db, run.id, { now })))
}

function say(title: string, text: string): void {
  console.log(`\n${title}\n${text.replace(/^/gm, '  ')}`)
}
