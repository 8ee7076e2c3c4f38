import { CompiledQuery, type Kysely, sql } from 'kysely'
import { getRunsInWorkQueue, readWorkQueueStatus, type WorkQueueTables } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../support/databases.js'
import { type Contract, describeOnDatabases } from '../support/describe-databases.js'
import { type Row, testId } from '../support/factory.js'
import { recorder } from '../support/recorder.js'

const now = new Date('2035-01-01T12:00:00.000Z')
const limit = 10

interface Ids {
  readonly queue: string
  readonly filterQueue: string
}

interface Poll {
  readonly title: string
  readonly call: (db: Kysely<WorkQueueTables>, ids: Ids) => Promise<unknown>
  /** The indexes that must serve it: exactly these, but for the look-up of a run by its id. */
  readonly indexes: readonly string[]
  /** Whether its runs have to be sorted, since no index has them in order. */
  readonly sorts?: boolean
}

const byMembership = ['due_by_queue_id', 'due_by_queue_name', 'active_by_queue_id', 'active_by_queue_name']

const polls: Poll[] = [
  {
    title: 'a poll of due runs',
    call: (db, { queue }) => getRunsInWorkQueue(db, queue, { limit, scheduledBefore: now }),
    indexes: byMembership,
  },
  {
    title: 'a poll of all runs',
    call: (db, { queue }) => getRunsInWorkQueue(db, queue, { limit }),
    indexes: byMembership,
  },
  {
    // The second of its two statements: the first one found that the queue has a filter.
    title: 'a poll of a queue with a tag filter',
    call: (db, { filterQueue }) => getRunsInWorkQueue(db, filterQueue, { limit, scheduledBefore: now }),
    indexes: ['due_by_deployment', 'active_by_deployment'],
    sorts: true,
  },
  {
    title: 'the health of a queue',
    call: (db, { queue }) => readWorkQueueStatus(db, queue),
    indexes: ['late_by_queue_id', 'late_by_queue_name'],
  },
]

/** What a plan does with `flow_run`. */
interface Access {
  /** The indexes in which it looks up runs. */
  readonly indexes: string[]
  /** Its look-ups by anything else. */
  readonly others: string[]
  /** The look-ups of which all runs are sorted before the first is given out. SQLite only. */
  readonly sorted: string[]
  /** How many runs the largest step read, or read in vain. PostgreSQL only. */
  rows: number
}

describeOnDatabases(
  'with a hostile neighbour,',
  (t) => {
    /** A queue with few runs, among thousands of others that are due earlier, active, late, finished, or named alike. */
    const makeRows = async (): Promise<Ids> => {
      const queue = await t.make.queue({ name: 'etl', concurrency_limit: 100 })
      const neighbour = await t.make.queue({ name: 'neighbour' })
      const sameName = await t.make.queue({ name: 'etl' })
      const filter = { tags: null, deployment_ids: [testId(1)] }
      const filterQueue = await t.make.queue({ filter, concurrency_limit: 100 })
      const earlier = new Date(now.getTime() - 86_400_000)
      const states: Row[] = [
        { state_type: 'SCHEDULED', state_name: 'Scheduled' },
        { state_type: 'SCHEDULED', state_name: 'Late' },
        { state_type: 'RUNNING', state_name: 'Running' },
        { state_type: 'COMPLETED', state_name: 'Completed' },
      ]
      const queues: Row[] = [
        { work_queue_id: neighbour, work_queue_name: 'neighbour' },
        { work_queue_id: null, work_queue_name: 'neighbour' },
        { work_queue_id: sameName, work_queue_name: 'etl' },
        { work_queue_id: neighbour, work_queue_name: 'etl' },
      ]
      const rows = (count: number, of: (n: number) => Row): Row[] => Array.from({ length: count }, (_, n) => of(n))
      await t.make.runs(
        rows(6000, (n) => ({
          ...queues[n % 4],
          ...states[Math.floor(n / 4) % 4],
          deployment_id: testId(2),
          next_scheduled_start_time: n % 50 === 0 ? null : earlier,
        })),
      )
      await t.make.runs(
        rows(40, (n) => ({
          work_queue_id: n % 2 === 0 ? queue : null,
          work_queue_name: 'etl',
          ...states[n % 8 === 0 ? 2 : 0],
          deployment_id: testId(1),
          next_scheduled_start_time: now,
        })),
      )
      return { queue, filterQueue }
    }

    test.each(polls)(
      '$title is served by our indexes, with statistics absent and fresh',
      async ({ call, indexes, sorts = false }) => {
        const ids = await makeRows()
        for (const statistics of ['absent', 'fresh']) {
          if (statistics === 'fresh') await sql`analyze`.execute(t.database.plain)
          const { db, queries } = recorder(t.database)
          await call(db, ids)
          const access = await explain(t, queries.at(-1))
          expect(access.others, statistics).toEqual([])
          expect(access.sorted, statistics).toEqual(sorts ? expect.any(Array) : [])
          expect(access.rows, statistics).toBeLessThanOrEqual(40)
          expect([...new Set(access.indexes)].toSorted(), statistics).toEqual(
            indexes.map((name) => `ix_flow_run__${name}`).toSorted(),
          )
        }
      },
    )
  },
  [sqliteMemory, postgres],
)

async function explain(t: Contract, query: CompiledQuery | undefined): Promise<Access> {
  if (query === undefined) throw new Error('no query')
  const isPostgres = t.kind.dialect === 'postgres'
  const explaining = isPostgres ? 'explain (analyze, format json)' : 'explain query plan'
  const statement = CompiledQuery.raw(`${explaining} ${query.sql}`, [...query.parameters])
  const { rows } = await t.database.plain.executeQuery<object>(statement)
  const access: Access = { indexes: [], others: [], sorted: [], rows: 0 }
  if (isPostgres) readPostgresPlan(rows, access)
  else readSqlitePlan(rows, access)
  return access
}

interface PostgresNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Actual Rows': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly PostgresNode[]
}

function readPostgresPlan(rows: readonly object[], access: Access): void {
  const visit = (node: PostgresNode): void => {
    for (const child of node.Plans ?? []) visit(child)
    const index = node['Index Name']
    const isOfRuns = node['Relation Name'] === 'flow_run' || index?.includes('flow_run') === true
    if (!isOfRuns) return
    access.rows = Math.max(access.rows, node['Actual Rows'], node['Rows Removed by Filter'] ?? 0)
    if (index === undefined && node['Node Type'] !== 'Bitmap Heap Scan') access.others.push(node['Node Type'])
    if (index !== undefined && index !== 'pk_flow_run') access.indexes.push(index)
  }
  const [row] = rows as { 'QUERY PLAN': { Plan: PostgresNode }[] }[]
  for (const { Plan } of row?.['QUERY PLAN'] ?? []) visit(Plan)
}

function readSqlitePlan(rows: readonly object[], access: Access): void {
  const steps = rows as { parent: number; detail: string }[]
  for (const { parent, detail } of steps) {
    if (!/^(SEARCH|SCAN) run\b/.test(detail)) continue
    const index = /^SEARCH run USING (?:COVERING )?INDEX (\w+)/.exec(detail)?.[1]
    if (index === undefined) access.others.push(detail)
    if (!index?.startsWith('ix_')) continue
    access.indexes.push(index)
    const isSorted = steps.some((step) => step.parent === parent && step.detail.includes('TEMP B-TREE'))
    if (isSorted) access.sorted.push(detail)
  }
}
