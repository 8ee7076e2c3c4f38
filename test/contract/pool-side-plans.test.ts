import { addSeconds } from 'date-fns'
import { CompiledQuery, type Kysely, sql } from 'kysely'
import {
  countWorkPoolActiveSlots,
  countWorkQueueActiveSlots,
  getScheduledFlowRuns,
  markLateFlowRuns,
  readWorkPoolSlotHolders,
  readWorkQueueSlotHolders,
  type WorkQueueTables,
} from 'kysely-work-queues'
import pg from 'pg'
import { expect, test, vi } from 'vitest'
import { postgres, sqliteMemory } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import type { Row } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')

interface Ids {
  readonly pool: string
  readonly queues: readonly string[]
}

type Call = (db: Kysely<WorkQueueTables>, ids: Ids) => Promise<unknown>

const due = ['ix_flow_run__due_by_queue_id', 'ix_flow_run__active_by_queue_id']

/** The calls whose cost must not grow with the runs that are stored, and the indexes of ours that each must use. */
const hotCalls: Record<string, readonly [indexes: readonly string[], call: Call]> = {
  'getScheduledFlowRuns of all pools': [due, (db) => getScheduledFlowRuns(db, { limit: 10 })],
  'getScheduledFlowRuns of a pool': [
    due,
    (db, { pool }) => getScheduledFlowRuns(db, { workPoolIds: [pool], scheduledBefore: now, limit: 10 }),
  ],
  'getScheduledFlowRuns of queues, between two times': [
    due,
    (db, { queues }) =>
      getScheduledFlowRuns(db, { workQueueIds: [...queues], scheduledBefore: now, scheduledAfter: now, limit: 10 }),
  ],
  'getScheduledFlowRuns without queue priorities': [
    due,
    (db) => getScheduledFlowRuns(db, { respectQueuePriorities: false, limit: 10 }),
  ],
  countWorkPoolActiveSlots: [
    ['ix_flow_run__active_by_queue_id'],
    (db, { pool }) => countWorkPoolActiveSlots(db, [pool]),
  ],
  countWorkQueueActiveSlots: [
    ['ix_flow_run__active_by_queue_id', 'ix_flow_run__active_by_queue_name'],
    (db, { queues }) => countWorkQueueActiveSlots(db, queues),
  ],
  readWorkPoolSlotHolders: [['ix_flow_run__active_by_queue_id'], (db, { pool }) => readWorkPoolSlotHolders(db, pool)],
  readWorkQueueSlotHolders: [
    ['ix_flow_run__active_by_queue_id', 'ix_flow_run__active_by_queue_name'],
    (db, { queues }) => readWorkQueueSlotHolders(db, queues[0] ?? ''),
  ],
  markLateFlowRuns: [
    ['ix_flow_run__not_yet_late'],
    (db) => markLateFlowRuns(db, { scheduledBefore: addSeconds(now, -1), limit: 10 }),
  ],
}

/** The steps of a plan that walk through all runs. SQLite tells subqueries that are named `run` by their co-routines. */
function scansOf(plan: string): string[] {
  const steps = plan.split('\n').map((step) => step.trim())
  const subqueries = steps.filter((step) => /^(?:CO-ROUTINE|MATERIALIZE) run$/.test(step)).length
  const onSqlite = steps.filter((step) => /^SCAN (?:run|flow_run)\b/.test(step))
  return [...steps.filter((step) => /Seq Scan on (?:\w+\.)?flow_run\b/.test(step)), ...onSqlite.slice(subqueries)]
}

describeOnDatabases(
  'with a backlog and a history',
  (t) => {
    /** Ten queues, half of them limited, with 24,000 runs: most are finished, a tenth wait, and a few are active. */
    const makeBacklog = async (): Promise<Ids> => {
      const pool = await t.make.pool({ concurrency_limit: 1000 })
      const queues: string[] = []
      for (let n = 0; n < 10; n++) {
        const concurrency_limit = n % 2 === 0 ? 1000 : null
        queues.push(await t.make.queue({ work_pool_id: pool, name: `q${n}`, priority: n + 2, concurrency_limit }))
      }
      const rows = queues.flatMap((work_queue_id, n): Row[] =>
        Array.from({ length: 2400 }, (_, i) => ({
          work_queue_id: i % 100 === 0 ? null : work_queue_id,
          work_queue_name: `q${n}`,
          state_type: i % 10 === 0 ? 'SCHEDULED' : i % 100 === 1 ? 'RUNNING' : 'COMPLETED',
          next_scheduled_start_time: addSeconds(now, i),
        })),
      )
      await t.make.runs(rows)
      return { pool, queues }
    }

    /** How the database runs what a call asks about runs, in the order in which it asks. */
    const plansOf = async (call: () => Promise<unknown>): Promise<string> => {
      const { plain: db, dialect, statements } = t.database
      const asked: [text: string, values: readonly unknown[]][] = []
      if (dialect === 'postgres') {
        const query = vi.spyOn(pg.Client.prototype, 'query')
        await call()
        for (const [text, values] of query.mock.calls as unknown as typeof asked) asked.push([text, values])
        query.mockRestore()
      } else {
        statements.length = 0
        await call()
        // The values do not change the plan.
        for (const text of statements)
          asked.push([
            text,
            text
              .split('?')
              .slice(1)
              .map(() => null),
          ])
      }
      const plans: string[] = []
      for (const [text, values] of asked.filter(([text]) => /^\s*(?:with|select)\b/.test(text))) {
        // PostgreSQL tells the plans of a recursive step only when it has run them.
        const explain = dialect === 'postgres' ? 'explain (analyze, timing off)' : 'explain query plan'
        const query = CompiledQuery.raw(`${explain} ${text}`, [...values])
        const { rows } = await db.executeQuery<Record<string, unknown>>(query)
        plans.push(rows.map((row) => String(row['QUERY PLAN'] ?? row['detail'])).join('\n'))
      }
      return plans.join('\n\n')
    }

    test.each(['absent', 'fresh'])(
      'our indexes are used and runs are never scanned, with statistics %s',
      async (when) => {
        const ids = await makeBacklog()
        if (when === 'fresh') await sql`analyze`.execute(t.database.plain)
        for (const [title, [indexes, call]] of Object.entries(hotCalls)) {
          const plan = await plansOf(() => call(t.db, ids))
          for (const index of indexes) expect.soft(plan, title).toContain(index)
          expect.soft(scansOf(plan), title).toEqual([])
        }
      },
    )
  },
  [sqliteMemory, postgres],
)
