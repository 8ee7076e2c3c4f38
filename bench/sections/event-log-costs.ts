import { readFileSync } from 'node:fs'
import { sql } from 'kysely'
import {
  claimRunsInWorkQueue,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  recordWorkerHeartbeat,
  recordWorkQueuePolls,
  setFlowRunState,
  setFlowRunStates,
  takeEvents,
} from 'kysely-work-queues'
import { addEventLog, type BenchDatabase, type Server } from '../support/bench-databases.js'
import { type Timed, timeOf } from '../support/measure.js'
import { ms, ratioText, table } from '../support/report.js'
import { analyze, seedRuns } from '../support/seed.js'

const RUNS = 20_000
/** Waiting to be taken, so that taking a hundred is measured among many. */
const WAITING = 20_000

/** Times what changes rows without the event log and with it, and what it takes to take events. */
export async function measureEvents(server: Server): Promise<string> {
  await using without = await server.open()
  await using logged = await server.open()
  await addEventLog(logged)
  const timed = [...(await callsOn(without, 'without')), ...(await callsOn(logged, 'with'))]
  const taking = { name: 'takeEvents', run: () => takeEvents(logged.db, { limit: 100 }), after: () => refill(logged) }
  const times = await processorTimes([...timed, taking], [without, logged])
  const names = timed.flatMap(({ name }) => (name.endsWith(' without') ? [name.slice(0, -' without'.length)] : []))
  const rows = names.map((name) => {
    const [before, after] = [timeOf(times, `${name} without`), timeOf(times, `${name} with`)]
    return [name, ms(before), ms(after), ratioText(after / before)]
  })
  return [
    table([`${server.name}, ms of processor time`, 'without', 'with the log', ''], rows),
    `\`takeEvents\` of 100 takes ${ms(timeOf(times, 'takeEvents'))} ms of it.`,
  ].join('\n\n')
}

async function callsOn(database: BenchDatabase, suffix: string): Promise<Timed[]> {
  const { db } = database
  const pool = await createWorkPool(db, { name: 'pool', type: 'process' })
  const queue = await createWorkQueue(db, { name: 'queue', workPoolId: pool.id })
  await recordWorkerHeartbeat(db, pool.id, 'worker')
  await seedRuns(database, { workQueueId: queue.id, count: RUNS })
  const runs = (await db.selectFrom('flow_run').select('id').limit(1_000).execute()).map(({ id }) => id)
  await analyze(database)
  const reset = async (): Promise<void> => {
    await database.run(`update flow_run set state_type = 'SCHEDULED', state_name = 'Scheduled'
      where work_queue_id = '${queue.id}' and state_type in ('PENDING', 'RUNNING', 'CANCELLING')`)
    await keepWaiting(database, suffix)
  }
  const type = 'RUNNING'
  const calls: Record<string, () => Promise<unknown>> = {
    '`claimRunsInWorkQueue`, ten runs': () => claimRunsInWorkQueue(db, queue.id, { limit: 10 }),
    '`claimRunsInWorkQueue`, nothing due': () =>
      claimRunsInWorkQueue(db, queue.id, { limit: 10, scheduledBefore: new Date(0) }),
    '`setFlowRunState`': () => setFlowRunState(db, runs[0] ?? '', { type }),
    '`setFlowRunStates`, ten runs': () =>
      setFlowRunStates(
        db,
        runs.slice(0, 10).map((id) => ({ id, type })),
      ),
    '`setFlowRunStates`, a thousand runs': () =>
      setFlowRunStates(
        db,
        runs.map((id) => ({ id, type })),
      ),
    '`createFlowRuns`, ten runs': () =>
      createFlowRuns(
        db,
        Array.from({ length: 10 }, () => ({ workQueueId: queue.id })),
      ),
    '`recordWorkerHeartbeat`': () => recordWorkerHeartbeat(db, pool.id, 'worker'),
    '`recordWorkQueuePolls`': () =>
      recordWorkQueuePolls(db, { polledWorkQueueIds: [queue.id], readyWorkQueueIds: [queue.id] }),
  }
  return Object.entries(calls).map(([name, run]) => ({
    name: `${name} ${suffix}`,
    run,
    after: /claim|State/.test(name) ? reset : undefined,
  }))
}

const CALLS = 60

/**
 * The processor time of each, client and server together: the median of many calls, in turn. What is compared differs by less than what
 * a busy machine adds to the time on the clock.
 */
async function processorTimes(
  timed: readonly Timed[],
  databases: readonly BenchDatabase[],
): Promise<Map<string, number>> {
  const servers = (await Promise.all(databases.map(serverProcesses))).flat()
  const times = new Map<string, number[]>(timed.map(({ name }) => [name, []]))
  for (let n = 0; n < CALLS; n++) {
    for (const { name, run, after } of timed) {
      const before = processorTime(servers)
      await run()
      times.get(name)?.push(processorTime(servers) - before)
      await after?.()
    }
  }
  return new Map([...times].map(([name, of]) => [name, of.toSorted((a, b) => a - b)[CALLS / 2] ?? NaN]))
}

/** In milliseconds, since they began: of this process, and of the server's (Linux). */
function processorTime(servers: readonly number[]): number {
  const { user, system } = process.cpuUsage()
  const ofServers = servers.map((id) => Number(readFileSync(`/proc/${id}/schedstat`, 'utf8').split(' ')[0]) / 1e6)
  return (user + system) / 1e3 + ofServers.reduce((sum, time) => sum + time, 0)
}

/** Those that serve the database, of a pool that is warm. */
async function serverProcesses({ name, db }: BenchDatabase): Promise<number[]> {
  if (name === 'SQLite') return []
  const { rows } = await sql<{ pid: number }>`
    select pid from pg_stat_activity where datname = current_database() and backend_type = 'client backend'`.execute(db)
  return rows.map(({ pid }) => pid)
}

/** Events that pile up while other calls are measured are no part of it. */
async function keepWaiting(database: BenchDatabase, suffix: string): Promise<void> {
  if (suffix === 'without') return
  await database.run(
    `delete from work_queue_event where position <= (select max(position) from work_queue_event) - ${WAITING}`,
  )
}

async function refill(database: BenchDatabase): Promise<void> {
  await database.run(`
    update flow_run set state_name = 'Late' where id in (select id from flow_run where state_name <> 'Late' limit 100)`)
  await database.run("update flow_run set state_name = 'Scheduled' where state_name = 'Late'")
}
