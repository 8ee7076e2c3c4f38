import { Kysely, PostgresDialect } from 'kysely'
import {
  claimRunsInWorkQueue,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  getRunsInWorkQueue,
  setFlowRunState,
  setFlowRunStates,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { withPreparedStatements } from 'kysely-work-queues/postgres'
import type { BenchDatabase, Server } from '../support/bench-databases.js'
import { closing } from '../support/closing.js'
import { startLatencyProxy } from '../support/latency-proxy.js'
import { measure, progress, type Timed, timeOf } from '../support/measure.js'
import { type Goal, ms, ratioText, table } from '../support/report.js'
import { analyze, seedHistory, seedRuns } from '../support/seed.js'
import { BATCH, type Batch, GRAPHILE_WORKER, OURS, prepared, TAKERS } from '../support/takers.js'
import { now } from '../support/backlog-world.js'

const BACKLOG = 40_000

type Opened = <D extends AsyncDisposable>(thing: D) => D

/**
 * What a claim and a state change take on PostgreSQL, beside graphile-worker's fetch and the least that a poll can be. That fetch is
 * measured as it is sent by default, prepared, and as a host behind a pooler without names sends it.
 */
export async function measureClaims(server: Server): Promise<{ text: string; goals: Goal[] }> {
  const claims = await closing((opened) => timeTakers(server, opened))
  const polls = await timePolls(server)
  const changes = await timeStateChanges(server)
  const far = await closing((opened) => timeFromAfar(server, opened))
  const texts = [claims, polls, changes, far].map(({ text }) => text)
  return { text: texts.join('\n\n'), goals: [claims, polls, far].flatMap(({ goals }) => goals) }
}

/** Each takes ten jobs; what ends them is not timed. */
async function timeTakers(server: Server, opened: Opened): Promise<{ text: string; goals: Goal[] }> {
  const timed: Timed[] = []
  for (const [name, make] of Object.entries(TAKERS)) {
    const database = opened(await server.open())
    const taker = opened(await make(database, { backlog: BACKLOG, connections: 2 }))
    await analyze(database)
    let batch: Batch | undefined
    timed.push({
      name,
      async run() {
        batch = await taker.take()
        if (batch.size !== BATCH) throw new Error(`${name} took ${batch.size} instead of ${BATCH}`)
      },
      after: async () => await batch?.end(),
    })
  }
  // So many rounds that the fastest, at 0.3 ms, leaves some of its backlog.
  const times = await measure(timed, { time: 100, mostRounds: 10 })
  const ratio = (name: string, peer = GRAPHILE_WORKER): number => timeOf(times, name) / timeOf(times, peer)
  progress('claims: taking ten')
  const atMost: Record<string, number> = {
    [OURS.queue]: 3,
    [prepared(OURS.queue)]: 2,
    [OURS.limitedQueue]: 4.5,
    [prepared(OURS.limitedQueue)]: 2.5,
  }
  return {
    text: table(
      [`taking ${BATCH}, ms`, 'one claimer', 'of graphile-worker', 'of graphile-worker, prepared'],
      timed.map(({ name }) => [
        name,
        ms(timeOf(times, name)),
        ratioText(ratio(name)),
        ratioText(ratio(name, prepared(GRAPHILE_WORKER))),
      ]),
    ),
    goals: Object.entries(atMost).map(([name, most]) => ({
      name: `${name} against graphile-worker's fetch, not prepared`,
      ratio: ratio(name),
      atMost: most,
    })),
  }
}

/** A queue without limits outside the default agent pool, with a backlog. */
async function createBacklog(
  database: BenchDatabase,
): Promise<{ queueId: string; db: Kysely<WorkQueueTables>; preparedDb: Kysely<WorkQueueTables> }> {
  const { db, driver } = database
  if (driver.kind !== 'postgres') throw new Error('this is measured on PostgreSQL')
  const { id: workPoolId } = await createWorkPool(db, { name: 'pool' })
  const { id: queueId } = await createWorkQueue(db, { name: 'queue', workPoolId })
  await seedRuns(database, { workQueueId: queueId, count: BACKLOG })
  await seedHistory(database)
  await analyze(database)
  const dialect = new PostgresDialect({ pool: withPreparedStatements(driver.pool) })
  return { queueId, db, preparedDb: new Kysely<WorkQueueTables>({ dialect }) }
}

const LEAST = 'the bare driver, ten runs by queue id and nothing else'
const POLL = '`getRunsInWorkQueue`'

async function timePolls(server: Server): Promise<{ text: string; goals: Goal[] }> {
  await using database = await server.open()
  const { queueId, db, preparedDb } = await createBacklog(database)
  const { driver } = database
  if (driver.kind !== 'postgres') throw new Error('this is measured on PostgreSQL')
  const due = { limit: BATCH, scheduledBefore: now }
  const least = `select * from flow_run
    where work_queue_id = $1 and state_type = 'SCHEDULED' and next_scheduled_start_time <= $2
    order by next_scheduled_start_time, id limit $3`
  const values = [queueId, now.toISOString(), BATCH]
  const times = await measure([
    { name: POLL, run: async () => await getRunsInWorkQueue(db, queueId, due) },
    { name: prepared(POLL), run: async () => await getRunsInWorkQueue(preparedDb, queueId, due) },
    { name: LEAST, run: async () => await driver.pool.query(least, values) },
    { name: prepared(LEAST), run: async () => await driver.pool.query({ name: 'least', text: least, values }) },
  ])
  const ratio = (name: string): number => timeOf(times, name) / timeOf(times, LEAST)
  progress('claims: polls')
  return {
    text: table(
      [`a poll of ${BATCH}, ms`, '', 'of the least'],
      [...times].map(([name, time]) => [name, ms(time), ratioText(ratio(name))]),
    ),
    goals: [
      { name: `${POLL} against ${LEAST}`, ratio: ratio(POLL), atMost: 2.5 },
      { name: `${prepared(POLL)}, against ${LEAST}`, ratio: ratio(prepared(POLL)), atMost: 1.4 },
    ],
  }
}

async function timeStateChanges(server: Server): Promise<{ text: string; goals: Goal[] }> {
  await using database = await server.open()
  const { queueId, db, preparedDb } = await createBacklog(database)
  const runs = await createFlowRuns(
    db,
    Array.from({ length: 1000 }, () => ({ workQueueId: queueId, stateType: 'PENDING' as const })),
  )
  const changes = runs.map(({ id }) => ({ id, type: 'RUNNING' as const }))
  const [one] = changes
  if (one === undefined) throw new Error('no run was made')
  const life = async (session: Kysely<WorkQueueTables>): Promise<void> => {
    const claimed = await claimRunsInWorkQueue(session, queueId, { limit: BATCH, scheduledBefore: now })
    for (const type of ['RUNNING', 'COMPLETED'] as const) {
      await setFlowRunStates(
        session,
        claimed.runs.map(({ id }) => ({ id, type })),
      )
    }
  }
  const calls: Record<string, (session: Kysely<WorkQueueTables>) => Promise<unknown>> = {
    '`setFlowRunState`, one run': (session) => setFlowRunState(session, one.id, { type: one.type }),
    '`setFlowRunStates`, ten runs': (session) => setFlowRunStates(session, changes.slice(0, 10)),
    '`setFlowRunStates`, a thousand runs': (session) => setFlowRunStates(session, changes),
    'ten runs from claim to RUNNING to COMPLETED': life,
  }
  const times = await measure(
    Object.entries(calls).flatMap(([name, call]) => [
      { name, run: async () => await call(db) },
      { name: prepared(name), run: async () => await call(preparedDb) },
    ]),
  )
  progress('claims: state changes')
  return {
    text: table(
      ['ms', 'plain', 'prepared'],
      Object.keys(calls).map((name) => [name, ms(timeOf(times, name)), ms(timeOf(times, prepared(name)))]),
    ),
    goals: [],
  }
}

/** With a millisecond each way between us and the server, round trips are what counts. */
async function timeFromAfar(server: Server, opened: Opened): Promise<{ text: string; goals: Goal[] }> {
  const timed: Timed[] = []
  const bare = 'a bare round trip'
  const ours = [OURS.queue, prepared(OURS.queue), OURS.limitedQueue, prepared(OURS.limitedQueue)]
  for (const name of [...ours, GRAPHILE_WORKER, prepared(GRAPHILE_WORKER)]) {
    const database = opened(await server.open())
    const { driver } = database
    if (driver.kind !== 'postgres') throw new Error('this is measured on PostgreSQL')
    const { port } = opened(await startLatencyProxy(Number(new URL(driver.url).port), 1))
    const taker = opened(
      await (TAKERS[name] as (typeof TAKERS)[string])(database, { backlog: BACKLOG, connections: 2, port }),
    )
    await analyze(database)
    let batch: Batch | undefined
    timed.push({ name, run: async () => void (batch = await taker.take()), after: async () => await batch?.end() })
    if (timed.length === 1) {
      const { default: pg } = await import('pg')
      const url = new URL(driver.url)
      url.port = String(port)
      const pool = new pg.Pool({ connectionString: url.href, max: 1 })
      opened({ [Symbol.asyncDispose]: async () => await pool.end() })
      timed.push({ name: bare, run: async () => await pool.query('select $1::integer', [1]) })
    }
  }
  const times = await measure(timed, { time: 200 })
  const ratio = (name: string): number => timeOf(times, name) / timeOf(times, bare)
  progress('claims: from afar')
  return {
    text: table(
      ['with 1 ms added each way, ms', '', 'round trips'],
      timed.map(({ name }) => [name, ms(timeOf(times, name)), ratioText(ratio(name))]),
    ),
    goals: [OURS.queue, prepared(OURS.queue)].map((name) => ({
      name: `${name} over a network, against a bare round trip`,
      ratio: ratio(name),
      atMost: 1.3,
    })),
  }
}
