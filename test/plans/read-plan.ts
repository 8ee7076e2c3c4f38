import { CompiledQuery } from 'kysely'
import type { Db, PlanDatabase } from './plan-database.js'

/** What a statement does with flow runs and their states. */
export interface Access {
  /** How it begins, on one line. */
  readonly statement: string
  /** The indexes in which it looks something up, without their prefixes. Look-ups by id are left out. */
  readonly indexes: Set<string>
  /** What it reads from one end to the other. */
  readonly scans: string[]
  /** The look-ups of which all rows are sorted before the first is given out. SQLite only. */
  readonly sorts: string[]
  /** How many flow runs and states it read, those in vain too. */
  rows: number
  /** How many pages it touched. PostgreSQL only. */
  pages: number
  /** The planner's estimate. Above 100,000, PostgreSQL compiles the plan first, which takes longer than any poll. */
  cost: number
}

/**
 * Explains a statement, and runs it.
 *
 * @param isPrepared - PostgreSQL: whether it is prepared first, with a plan that is made for any values.
 */
export async function explain(
  database: PlanDatabase,
  trx: Db,
  query: CompiledQuery,
  isPrepared = false,
): Promise<Access> {
  const access: Access = {
    statement: query.sql.trim().replace(/\s+/g, ' ').slice(0, 90),
    indexes: new Set(),
    scans: [],
    sorts: [],
    rows: 0,
    pages: 0,
    cost: 0,
  }
  await (database.dialect === 'postgres'
    ? explainOnPostgres(trx, query, access, isPrepared)
    : explainOnSqlite(database, trx, query, access))
  return access
}

const BIG = /^(?:flow_run|flow_run_state)$/
/** The indexes to tell of: of runs, of their states, and of the names of queues. By `state_id`, Prefect's foreign key is checked. */
const TOLD = /flow_run(?!__state_id$)|^ix_work_queue__name$/
const BY_ID = /^(?:pk_|sqlite_autoindex_(?:flow_run|flow_run_state)_1$)/

function shortName(index: string): string {
  return index.replace(/^(?:ix|uq)_(?:flow_run__)?/, '')
}

interface Node {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Index Recheck'?: number
  readonly 'Shared Hit Blocks': number
  readonly 'Shared Read Blocks': number
  readonly 'Total Cost': number
  readonly Plans?: readonly Node[]
}

async function explainOnPostgres(trx: Db, query: CompiledQuery, access: Access, isPrepared: boolean): Promise<void> {
  const send = async (text: string, parameters: readonly unknown[] = []) =>
    await trx.executeQuery<{ 'QUERY PLAN': { Plan: Node }[] }>(CompiledQuery.raw(text, [...parameters]))
  const explaining = 'explain (analyze, buffers, timing off, format json)'
  if (isPrepared) {
    await send('set local plan_cache_mode = force_generic_plan')
    await send(`prepare planned as ${query.sql}`)
  }
  const values = query.parameters.length === 0 ? '' : `(${query.parameters.map(literal).join(', ')})`
  const { rows } = isPrepared
    ? await send(`${explaining} execute planned${values}`)
    : await send(`${explaining} ${query.sql}`, query.parameters)
  if (isPrepared) await send('deallocate planned')
  const visit = (node: Node): void => {
    for (const child of node.Plans ?? []) visit(child)
    const table = node['Relation Name']
    const index = node['Index Name']
    if (table !== undefined && BIG.test(table) && node['Node Type'] === 'Seq Scan') access.scans.push(table)
    if (index !== undefined && TOLD.test(index) && !BY_ID.test(index)) access.indexes.add(shortName(index))
    if (table === undefined || !BIG.test(table)) return
    const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)
    if (node['Node Type'] !== 'ModifyTable') access.rows += (node['Actual Rows'] + removed) * node['Actual Loops']
  }
  const plan = rows[0]?.['QUERY PLAN'][0]?.Plan
  if (plan === undefined) throw new Error(`no plan of ${access.statement}`)
  visit(plan)
  // Rows are told as the mean of all loops, to two digits.
  access.rows = Math.round(access.rows)
  access.pages = plan['Shared Hit Blocks'] + plan['Shared Read Blocks']
  access.cost = plan['Total Cost']
}

/** A value as SQL has it: utility statements take no parameters. */
export function literal(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'string' && typeof value !== 'number') throw new TypeError(`no literal of a ${typeof value}`)
  return `'${String(value).replaceAll("'", "''")}'`
}

interface Step {
  readonly id: number
  readonly parent: number
  readonly detail: string
}

async function explainOnSqlite(database: PlanDatabase, trx: Db, query: CompiledQuery, access: Access): Promise<void> {
  const planOf = async (text: string): Promise<readonly Step[]> =>
    (await trx.executeQuery<Step>(CompiledQuery.raw(`explain query plan ${text}`, [...query.parameters]))).rows
  const steps = await planOf(query.sql)
  for (const { parent, detail } of steps) {
    const [, kind, alias, index] = /^(SEARCH|SCAN) (\w+)(?: USING (?:COVERING )?INDEX (\w+))?/.exec(detail) ?? []
    if (kind === undefined || alias === undefined) continue
    if (kind === 'SCAN' && isBigTable(alias, query.sql) && !isSubquery(alias, steps)) access.scans.push(detail)
    if (index === undefined || !TOLD.test(index) || BY_ID.test(index)) continue
    access.indexes.add(shortName(index))
    if (steps.some((step) => step.parent === parent && /TEMP B-TREE FOR ORDER BY/.test(step.detail))) {
      access.sorts.push(detail)
    }
  }

  // The statement is run with a function that counts the runs it looks at. That must not change how it looks for them.
  const counting = query.sql.replace(
    /("flow_run" as run\s+(?:where|on(?= run\.work_queue_id)) )/g,
    '$1visited(run.rowid) and ',
  )
  const details = (plan: readonly Step[]): string[] => plan.map(({ detail }) => detail)
  const countingPlan = details(await planOf(counting))
  if (countingPlan.join('\n') !== details(steps).join('\n')) throw new Error(`counting changed ${access.statement}`)
  database.visits = 0
  await trx.executeQuery(CompiledQuery.raw(counting, [...query.parameters]))
  access.rows = database.visits
}

/** Whether an alias, or a table's own name, stands for one of the tables that may be large. */
function isBigTable(alias: string, text: string): boolean {
  if (BIG.test(alias)) return true
  return new RegExp(`"(?:flow_run|flow_run_state)" as ${alias}\\b`).test(text)
}

/** SQLite calls a subquery by its alias, too. */
function isSubquery(alias: string, steps: readonly Step[]): boolean {
  return steps.some(({ detail }) => detail === `CO-ROUTINE ${alias}` || detail === `MATERIALIZE ${alias}`)
}
