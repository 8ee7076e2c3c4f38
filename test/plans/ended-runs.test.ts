import { sql } from 'kysely'
import { markFlowRunsCancelled, pruneFlowRuns } from 'kysely-work-queues'
import { TERMINAL_STATES } from 'kysely-work-queues/rules'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { factory } from '../support/factory.js'
import { createDatabase, type Db, type PlanDatabase, type Tables } from './plan-database.js'
import { record, undone } from './plan-recorder.js'
import { type Access, explain } from './read-plan.js'

const limit = 10
const now = new Date('2035-01-01T12:00:00.000Z')
/** Before it, nothing has ended, nor was cancelled. */
const never = new Date('2020-01-01T00:00:00.000Z')
/** Before it, a thousand have ended in each state. */
const early = new Date('2026-01-01T00:16:40.500Z')

interface Queues {
  readonly one: string
  readonly other: string
}

/** In each of two queues, and in none, many runs of every state in which a run ends, and others that are CANCELLING for as long. */
async function seed(database: PlanDatabase): Promise<Queues> {
  const make = factory(database)
  const [one, other] = [await make.queue(), await make.queue()]
  for (const queue of [one, other, null]) {
    for (const state of TERMINAL_STATES) await insertRuns(database, state, 8_000, queue)
  }
  await insertRuns(database, 'CANCELLING', 8_000, one)
  await insertRuns(database, 'RUNNING', 8_000, one)
  await insertRuns(database, 'SCHEDULED', 8_000, one)
  await sql`
    insert into flow_run_state (type, name, timestamp, flow_run_id)
    select state_type, state_name, state_timestamp, id from flow_run where work_queue_id = ${one}`.execute(
    database.plain,
  )
  return { one, other }
}

/** One a second, from the beginning of 2026. */
async function insertRuns({ plain: db, dialect }: PlanDatabase, state: string, count: number, queue: string | null) {
  const columns = sql.raw('id, name, flow_id, state_type, state_name, state_timestamp, end_time, work_queue_id')
  const type = sql.lit(state)
  const end = TERMINAL_STATES.includes(state as never) ? sql`at` : sql`null`
  await (
    dialect === 'postgres'
      ? sql`
        insert into flow_run (${columns})
        select gen_random_uuid(), 'run', '00000000-0000-4000-8000-000000000000', ${type}, ${type}, at, ${end}, cast(${queue} as uuid)
        from (select timestamptz '2026-01-01' + i * interval '1 second' as at from generate_series(1, ${sql.lit(count)}) as i) as n`
      : sql`
        with recursive n(i) as (select 1 union all select i + 1 from n where i < ${sql.lit(count)}),
          times as (select strftime('%Y-%m-%d %H:%M:%f000', '2026-01-01', '+' || i || ' seconds') as at from n)
        insert into flow_run (${columns})
        select lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
          || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
          'run', '00000000-0000-4000-8000-000000000000', ${type}, ${type}, at, ${end}, ${queue}
        from times`
  ).execute(db)
}

interface Call {
  readonly title: string
  readonly call: (db: Db, queues: Queues) => Promise<unknown>
  /** What its first own statement looks runs up in. */
  readonly index: string
  /** How many runs the statement may read. */
  readonly rows: number
}

// Seen to fail: with the condition of the walk said again to PostgreSQL where runs are locked, which then walked all; with SQLite's bound
// of a queue compared with `<` beside that of the time, which is then the one that the index takes.
const calls: readonly Call[] = [
  {
    title: 'markFlowRunsCancelled',
    call: (db) => markFlowRunsCancelled(db, { cancellingBefore: now, limit, now }),
    index: 'cancelling',
    rows: limit,
  },
  {
    title: 'markFlowRunsCancelled that finds none',
    call: (db) => markFlowRunsCancelled(db, { cancellingBefore: never, now }),
    index: 'cancelling',
    rows: 0,
  },
  {
    title: 'pruneFlowRuns',
    call: (db) => pruneFlowRuns(db, { finishedBefore: now, limit }),
    index: 'ended',
    rows: 6 * limit,
  },
  {
    title: 'pruneFlowRuns that finds none',
    call: (db) => pruneFlowRuns(db, { finishedBefore: never }),
    index: 'ended',
    rows: 0,
  },
  {
    title: 'pruneFlowRuns of one state, where another ended as early and is kept',
    call: (db) => pruneFlowRuns(db, { finishedBefore: { CRASHED: now }, limit }),
    index: 'ended',
    rows: 3 * limit,
  },
  {
    title: 'pruneFlowRuns of a queue',
    call: (db, { one }) => pruneFlowRuns(db, { finishedBefore: early, workQueueIds: [one], limit }),
    index: 'ended_by_queue_id',
    // On SQLite the last of each state is looked for first.
    rows: 10 * limit,
  },
  {
    title: 'pruneFlowRuns of two queues, where another ended as early',
    call: (db, { one, other }) => pruneFlowRuns(db, { finishedBefore: now, workQueueIds: [one, other], limit }),
    index: 'ended_by_queue_id',
    rows: 18 * limit,
  },
  {
    title: 'pruneFlowRuns of two queues that finds none',
    call: (db, { one, other }) => pruneFlowRuns(db, { finishedBefore: never, workQueueIds: [one, other], limit }),
    index: 'ended_by_queue_id',
    rows: 0,
  },
]

const kinds: readonly Tables[] = ['our tables', 'Prefect’s tables']

describe.each(kinds)('%s, with 96,000 runs that have ended', (tables) => {
  describe.each(['postgres', 'sqlite'] as const)('%s', (dialect) => {
    let database: PlanDatabase
    let queues: Queues
    beforeAll(async () => {
      database = await createDatabase(dialect, tables, async (filling) => {
        queues = await seed(filling)
      })
    }, 120_000)
    afterAll(async () => {
      await database.destroy()
    })

    const expectWalk = async ({ call, index, rows }: Call): Promise<void> => {
      const queries = await record(database, (db) => call(db, queues))
      const own = queries.filter(({ sql: text }) => /flow_run/.test(text))
      const accesses = await undone(database, async (trx) => {
        const all: Access[] = []
        for (const query of own) all.push(await explain(database, trx, query))
        return all
      })
      const [first] = accesses
      expect([...(first?.indexes ?? [])]).toEqual([index])
      expect(first?.rows).toBeLessThanOrEqual(rows)
      for (const access of accesses) {
        expect(access.scans, access.statement).toEqual([])
        expect(access.rows, access.statement).toBeLessThanOrEqual(Math.max(rows, 3 * limit))
        expect(access.pages, access.statement).toBeLessThanOrEqual(1_000)
      }
    }

    describe('statistics absent', () => {
      test.each(calls)('$title', expectWalk)
    })
    describe('statistics fresh', () => {
      beforeAll(async () => {
        await sql`analyze`.execute(database.plain)
      })
      test.each(calls)('$title', expectWalk)
    })
  })
})
