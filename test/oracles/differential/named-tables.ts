import { sql } from 'kysely'
import { readFlowRuns, readWorkers, readWorkPools, readWorkQueues, type Worker } from 'kysely-work-queues'
import type { TestDatabase } from '../../support/databases.js'

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g

/** A queue by its names, as both databases know it. */
export interface NamedQueue {
  readonly id: string
  readonly workPoolId: string
  readonly priority: number
}

/** Everything that is in a database's tables, in an order that does not depend on ids. */
export interface Tables {
  readonly pools: readonly { readonly id: string; readonly name: string }[]
  readonly queues: readonly NamedQueue[]
  readonly runs: readonly { readonly id: string }[]
  readonly rows: unknown
}

/**
 * Names for ids, by what they are ids of: new ones are random, and so differ between databases. A row keeps the name under which it
 * was first seen, and of rows that had one name at different times each has its own.
 */
export class Names {
  readonly #names = new Map<string, string>()
  readonly #taken = new Map<string, number>()

  /** Names an id, unless it has a name. */
  add(id: string, name: string): void {
    if (this.#names.has(id)) return
    const times = this.#taken.get(name) ?? 0
    this.#taken.set(name, times + 1)
    this.#names.set(id, times === 0 ? name : `${name} #${times}`)
  }

  /** The value with names in place of ids, also inside texts. Ids of nothing, such as those of events, all have one name. */
  replace(value: unknown): unknown {
    if (typeof value === 'string') return value.replace(UUID, (id) => this.#names.get(id) ?? '<id>')
    if (Array.isArray(value)) return value.map((one) => this.replace(one))
    if (value === null || typeof value !== 'object' || value instanceof Date) return value
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [this.replace(key), this.replace(one)]))
  }
}

/** Reads all tables, and names the rows that are new in them. */
export async function readTables(database: TestDatabase, names: Names): Promise<Tables> {
  const { db } = database
  const pools = await readWorkPools(db)
  const poolNames = new Map(pools.map(({ id, name }) => [id, name]))
  for (const { id, name } of pools) names.add(id, `pool ${name}`)
  const queues = await readWorkQueues(db)
  const queuesInOrder = pools.flatMap((pool) => queues.filter((queue) => queue.workPoolId === pool.id))
  for (const queue of queuesInOrder) names.add(queue.id, `queue ${poolNames.get(queue.workPoolId)} ${queue.name}`)
  const workers: Worker[] = []
  for (const { id } of pools)
    workers.push(...(await readWorkers(db, id)).toSorted((a, b) => (a.name < b.name ? -1 : 1)))
  for (const worker of workers) names.add(worker.id, `worker ${poolNames.get(worker.workPoolId)} ${worker.name}`)
  const runs = (await readFlowRuns(db)).toSorted((a, b) => (a.name < b.name ? -1 : 1))
  for (const { id, name } of runs) names.add(id, `run ${name}`)
  const runNames = new Map(runs.map(({ id, name }) => [id, name]))
  const states = (await readStates(database)).toSorted((a, b) => (a.timestamp < b.timestamp ? -1 : 1))
  for (const { id, timestamp, flow_run_id } of states)
    names.add(id, `state ${timestamp} of ${runNames.get(flow_run_id)}`)
  const statesInOrder = runs.flatMap(({ id }) => states.filter((state) => state.flow_run_id === id))
  // Also those that are void.
  const leases = await readLeaseRows(database)
  const leasesInOrder = runs.flatMap(({ id }) => leases.filter((lease) => lease.flow_run_id === id))
  // A name is made of the id when none is given; here all are.
  const rows = names.replace({
    pools,
    queues: queuesInOrder,
    workers,
    runs,
    states: statesInOrder,
    leases: leasesInOrder,
  })
  return { pools, queues: queuesInOrder, runs, rows }
}

interface LeaseRow {
  readonly flow_run_id: string
  readonly state_id: string
  readonly holder: string
  readonly acquired: string
  readonly expires: string
}

async function readLeaseRows({ plain, dialect }: TestDatabase): Promise<LeaseRow[]> {
  const exact = (column: string) =>
    dialect === 'postgres'
      ? sql<string>`to_char(${sql.ref(column)} at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS.US')`
      : sql<string>`${sql.ref(column)}`
  const { rows } = await sql<LeaseRow>`
    select flow_run_id, state_id, holder, ${exact('acquired_at')} as acquired, ${exact('expires_at')} as expires
    from flow_run_lease`.execute(plain)
  return rows
}

interface StateRow {
  readonly id: string
  readonly flow_run_id: string
  readonly type: string
  readonly name: string
  readonly message: string | null
  /** With microseconds. */
  readonly timestamp: string
  readonly details: unknown
}

async function readStates({ plain, dialect }: TestDatabase): Promise<StateRow[]> {
  const timestamp =
    dialect === 'postgres'
      ? sql<string>`to_char(timestamp at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS.US')`
      : sql<string>`timestamp`
  const rows = await plain
    .selectFrom('flow_run_state')
    .select(['id', 'flow_run_id', 'type', 'name', 'message', 'state_details'])
    .select(timestamp.as('timestamp'))
    .execute()
  return rows.map(({ state_details: details, ...row }) => ({
    ...row,
    details: typeof details === 'string' ? (JSON.parse(details) as unknown) : details,
  }))
}
