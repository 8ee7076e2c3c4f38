import { type Kysely, sql } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'

/** What the calls of a race returned, and the rows that they left. Ids are replaced by names, since new rows have new ones. */
export interface Outcome {
  /** What each call returned, or the name of its error; `undefined` for a call that is to be tried again, or was not made. */
  readonly results: readonly unknown[]
  readonly pools: readonly object[]
  readonly queues: readonly unknown[]
  readonly workers: readonly unknown[]
  readonly runs: readonly RunRow[]
  readonly leases: readonly LeaseRow[]
}

interface LeaseRow {
  readonly id: string
  readonly holder: string
  /** Whether it is of the state that the run is in. */
  readonly isCurrent: boolean
  /** Whether it was given or renewed by one of the calls. */
  readonly isNew: boolean
}

interface RunRow {
  readonly id: string
  readonly work_queue_id: string | null
  readonly work_queue_name: string | null
  readonly run_count: number
  /** Its state's type and name. */
  readonly state: string
  /** Every state that the run was in, in their order. */
  readonly states: string
}

/** What a claim of a race returns, and what else passes over runs that are locked: so that it can be told from other results. */
export interface Claimed {
  readonly claimed: readonly string[]
}

export async function readOutcome(db: Kysely<WorkQueueTables>, results: readonly unknown[]): Promise<Outcome> {
  const pools = await db
    .selectFrom('work_pool')
    .select(['id', 'name', 'status', 'concurrency_limit', 'default_queue_id', sql<number>`is_paused`.as('is_paused')])
    .orderBy('name')
    .execute()
  const queues = await db
    .selectFrom('work_queue')
    .select(['id', 'name', 'priority', 'status', 'concurrency_limit', 'work_pool_id', 'is_paused'])
    .orderBy('work_pool_id')
    .orderBy('priority')
    .orderBy('name')
    .execute()
  const workers = await db.selectFrom('worker').select(['name', 'status', 'work_pool_id']).orderBy('name').execute()
  const runs = await db
    .selectFrom('flow_run')
    .select(['id', 'name', 'state_type', 'state_name', 'work_queue_id', 'work_queue_name', 'state_id', 'run_count'])
    .orderBy('name')
    .execute()
  const states = await db
    .selectFrom('flow_run_state')
    .select(['id', 'flow_run_id', 'name'])
    .orderBy('timestamp')
    .execute()
  const leases = await (db as Kysely<any>)
    .selectFrom('flow_run_lease')
    .select(['flow_run_id as id', 'state_id', 'holder'])
    .select(sql`case when expires_at > ${RECENT} then 1 else 0 end`.as('is_new'))
    .orderBy('flow_run_id')
    .execute()

  const names = new Map<string, string>()
  for (const { id, name } of pools) names.set(id, `pool ${name}`)
  for (const { id, name, work_pool_id } of queues) names.set(id, `queue ${name} of ${names.get(work_pool_id)}`)
  for (const { id, name } of runs) names.set(id, `run ${name}`)
  const label = <T>(value: T): T =>
    JSON.parse(JSON.stringify(value), (_, part: unknown) =>
      typeof part === 'string' && UUID.test(part) ? (names.get(part) ?? 'an id of nothing') : part,
    ) as T

  return {
    results: results.map((result) => (result === undefined ? undefined : label(result))),
    pools: label(pools),
    queues: label(queues),
    workers: label(workers),
    runs: label(
      runs.map(({ id, state_id, ...row }) => ({
        id,
        work_queue_id: row.work_queue_id,
        work_queue_name: row.work_queue_name,
        run_count: row.run_count,
        state: `${row.state_type} ${row.state_name}`,
        states: states
          .filter((state) => state.flow_run_id === id)
          .map((state) => (state.id === state_id ? `[${state.name}]` : state.name))
          .join(),
      })),
    ),
    leases: label(
      leases.map(({ id, state_id, holder, is_new }) => ({
        id,
        holder,
        isCurrent: runs.some((run) => run.id === id && run.state_id === state_id),
        isNew: Number(is_new) === 1,
      })),
    ),
  }
}

/** After every time that a race begins with. */
const RECENT = '2024-01-01 00:00:00.000000'

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/

/**
 * Whether the outcome is the expected one. If claims may take fewer, also when they took fewer runs of some queues, or others in
 * place of runs that another session held meanwhile; but no run twice, and nothing else may differ.
 */
export function isSame(outcome: Outcome, expected: Outcome, mayTakeFewer: boolean): boolean {
  if (JSON.stringify(outcome) === JSON.stringify(expected)) return true
  if (!mayTakeFewer) return false
  const taken = claimedRuns(outcome)
  const most = claimedRuns(expected)
  const isOfQueue = (queue: string | null) => (id: string) =>
    outcome.runs.some((run) => run.id === id && run.work_queue_id === queue)
  const queues = [...new Set(outcome.runs.map((run) => run.work_queue_id))]
  const either = [...taken, ...most]
  return (
    new Set(taken).size === taken.length &&
    queues.every((queue) => taken.filter(isOfQueue(queue)).length <= most.filter(isOfQueue(queue)).length) &&
    JSON.stringify(withoutClaims(outcome, either)) === JSON.stringify(withoutClaims(expected, either))
  )
}

function claimedRuns({ results }: Outcome): string[] {
  return results.flatMap((result) => (isClaimed(result) ? result.claimed : []))
}

function withoutClaims({ results, runs, leases, ...rows }: Outcome, claimed: readonly string[]): unknown {
  return {
    ...rows,
    leases: leases.filter(({ id }) => !claimed.includes(id)),
    results: results.map((result) => (isClaimed(result) ? 'a claim' : result)),
    runs: runs.map((run) => (claimed.includes(run.id) ? { id: run.id, queue: run.work_queue_id } : run)),
  }
}

function isClaimed(result: unknown): result is Claimed {
  return typeof result === 'object' && result !== null && 'claimed' in result
}
