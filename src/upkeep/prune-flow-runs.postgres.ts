import { type RawBuilder, sql } from 'kysely'
import { decodeBoolean } from '../model/values.js'
import type { Scope } from '../session.js'
import { type Parameter, runStatement } from '../sql/cached-statement.js'
import { endOf, hasEndedIn, type Pruning } from '../sql/ended-runs.js'
import { asked, type Condition, or } from '../sql/lists.js'

type Fragment = RawBuilder<unknown>

interface Pruned {
  readonly ids: string
  readonly isPassedOver: unknown
}

/**
 * Deletes in one statement, and in two where others have locked some of the runs: the first then deletes
 * nothing, and the second passes over those.
 *
 * History and leases go by their foreign keys: deleted before, Prefect's states would each set their run's
 * `state_id` to null, which writes the run into all of its indexes once more.
 */
export async function pruneOnPostgres(scope: Scope, pruning: Pruning): Promise<string[]> {
  const first = await run(scope, pruning, false)
  if (!decodeBoolean(first?.isPassedOver)) return idsOf(first)
  return idsOf(await run(scope, pruning, true))
}

function idsOf(pruned: Pruned | undefined): string[] {
  return pruned === undefined ? [] : (JSON.parse(pruned.ids) as string[])
}

async function run(scope: Scope, pruning: Pruning, passesOver: boolean): Promise<Pruned | undefined> {
  const { states, isOfQueues, values } = pruning
  const shape = ['prune', ...states, isOfQueues ? 'of queues' : '', passesOver ? 'passing over' : '']
  const [pruned] = await runStatement<Pruned>(
    scope,
    shape.join(' '),
    (parameter) => statement(scope, pruning, passesOver, parameter),
    values,
  )
  return pruned
}

/**
 * Picks the runs that ended first, of each state and queue by its own walk through an index, locks them, and
 * deletes them. A run that is retried meanwhile is looked at again as it is locked.
 *
 * The walks lock nothing, since each finds as many as are asked for of all together. Only where others have
 * locked some of them, each walk locks what it finds, so that it can go on behind those.
 */
function statement(scope: Scope, pruning: Pruning, passesOver: boolean, parameter: Parameter): RawBuilder<Pruned> {
  const { tables } = scope
  const { states } = pruning
  const walks = states.map((state) => walk(scope, pruning, state, passesOver, parameter))
  const isStillEnded = asked(or(states.map((state) => endedBefore('run', state, parameter))))
  const locked = passesOver
    ? sql`select picked.id from picked`
    : sql`
      select run.id from ${tables.flow_run} as run
      where run.id = any(cast((select array_agg(picked.id) from picked) as uuid[])) and ${isStillEnded}
      for update skip locked`
  const isPassedOver = sql`(select count(*) from locked) < (select count(*) from picked)`
  return sql<Pruned>`
    with picked as materialized (
      select walked.id from (${sql.join(walks, sql` union all `)}) as walked
      order by walked.ended, walked.id
      limit ${parameter('limit')}
    ), locked as materialized (${locked}
    ), gone as (
      delete from ${tables.flow_run} as run
      where run.id = any(cast((
        select case when not (${isPassedOver}) then array_agg(locked.id) end from locked) as uuid[]))
      returning run.id, ${endOf('run')} as ended
    )
    select
      cast(coalesce(json_agg(gone.id order by gone.ended, gone.id), '[]') as text) as ids,
      ${isPassedOver} as "isPassedOver"
    from gone`
}

function walk(
  { tables }: Scope,
  { isOfQueues }: Pruning,
  state: Pruning['states'][number],
  isLocking: boolean,
  parameter: Parameter,
): Fragment {
  const queues = sql`unnest(cast(cast(${parameter('ids')} as text) as uuid[])) as queue(id) cross join lateral`
  return sql`
        select ended.id, ended.ended from ${isOfQueues ? queues : sql``} (
          select run.id, ${endOf('run')} as ended from ${tables.flow_run} as run
          where ${isOfQueues ? sql`run.work_queue_id = queue.id and` : sql``} ${endedBefore('run', state, parameter)}
          order by ${endOf('run')}, run.id
          limit ${parameter('limit')}
          ${isLocking ? sql`for update skip locked` : sql``}
        ) as ended`
}

function endedBefore(alias: string, state: Pruning['states'][number], parameter: Parameter): Condition {
  return sql`(${hasEndedIn(alias, state, 'postgres')} and ${endOf(alias)} < ${parameter(state)})`
}
