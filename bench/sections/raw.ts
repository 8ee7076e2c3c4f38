import { type CompiledQuery, Kysely, PostgresDialect, SqliteDialect } from 'kysely'
import { getRunsInWorkQueue, getScheduledFlowRuns, type WorkQueueTables } from 'kysely-work-queues'
import type { BenchDatabase } from '../support/bench-databases.js'
import { measure, type Timed, timeOf } from '../support/measure.js'
import { countText, type Goal, ms, ratioText, table } from '../support/report.js'
import { now, type World } from '../support/backlog-world.js'

type Db = Kysely<WorkQueueTables>

const due = { limit: 10, scheduledBefore: now }

/** The statement that a call sends. */
async function statementOf({ driver }: BenchDatabase, call: (db: Db) => Promise<unknown>): Promise<CompiledQuery> {
  const sent: CompiledQuery[] = []
  const dialect =
    driver.kind === 'sqlite'
      ? new SqliteDialect({ database: driver.database })
      : new PostgresDialect({ pool: driver.pool })
  await call(new Kysely<WorkQueueTables>({ dialect, log: ({ query }) => void sent.push(query) }))
  const [statement] = sent
  if (statement === undefined || sent.length > 1) throw new Error(`${sent.length} statements instead of one`)
  return statement
}

/** Hands a statement to the bare driver. */
function raw(name: string, { driver }: BenchDatabase, text: string, values: readonly unknown[]): Timed[] {
  if (driver.kind === 'postgres') {
    const { pool } = driver
    return [{ name, run: async () => (await pool.query(text, [...values])).rows }]
  }
  const { database } = driver
  const prepared = database.prepare(text)
  return [
    { name, run: () => database.prepare(text).all(...values) },
    { name: `${name}, prepared once`, run: () => prepared.all(...values) },
  ]
}

/**
 * The least that a poll can be: the due runs by queue id, with nothing that makes it right (no limits, no pause, no membership by
 * name, not the queue itself).
 */
function leastPoll(database: BenchDatabase, queueId: string): [text: string, values: unknown[]] {
  const isPostgres = database.name === 'PostgreSQL'
  const [first, second, third] = isPostgres ? ['$1', '$2', '$3'] : ['?', '?', '?']
  const before = isPostgres ? now.toISOString() : '2040-01-01 00:00:00.000000'
  return [
    `select * from flow_run
     where work_queue_id = ${first} and state_type = 'SCHEDULED' and next_scheduled_start_time <= ${second}
     order by next_scheduled_start_time, id limit ${third}`,
    [queueId, before, 10],
  ]
}

const LIBRARY = 'the library'
const SAME = 'the bare driver, the same SQL'
const LEAST = 'the bare driver, ten runs by queue id and nothing else'

/** Times a poll through the library and through the bare driver. */
export async function measureRaw({ size, database, places }: World): Promise<{ text: string; goals: Goal[] }> {
  const [place] = places
  if (place === undefined) throw new Error('no place')
  const { queue, pool } = place
  const polls: [name: string, call: (db: Db) => Promise<unknown>][] = [
    ['getRunsInWorkQueue', (db) => getRunsInWorkQueue(db, queue.id, due)],
    ['getScheduledFlowRuns', (db) => getScheduledFlowRuns(db, { workPoolIds: [pool.id], ...due })],
  ]
  const rows: string[][] = []
  const goals: Goal[] = []
  for (const [name, call] of polls) {
    const { sql, parameters } = await statementOf(database, call)
    const timed: Timed[] = [
      { name: LIBRARY, run: async () => await call(database.db) },
      ...raw(SAME, database, sql, parameters),
      ...(name === 'getRunsInWorkQueue' ? raw(LEAST, database, ...leastPoll(database, queue.id)) : []),
    ]
    const times = await measure(timed, { rounds: 8, time: 100 })
    const library = timeOf(times, LIBRARY)
    for (const [way, time] of times) rows.push([`\`${name}\`: ${way}`, ms(time), ratioText(library / time)])
    if (name === 'getRunsInWorkQueue') {
      goals.push({
        name: `\`${name}\` against the bare driver with the same SQL, ${database.name}`,
        ratio: library / timeOf(times, SAME),
        atMost: database.name === 'PostgreSQL' ? 1.3 : 2.5,
      })
    }
  }
  return { text: table([`${countText(size)} runs in its own backlog`, 'ms', 'library / this'], rows), goals }
}
