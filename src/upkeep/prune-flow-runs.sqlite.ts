import { type RawBuilder, sql } from 'kysely'
import { type Scope, transact } from '../session.js'
import { type Parameter, runStatement } from '../sql/cached-statement.js'
import { endOf, hasEndedIn, type Pruning } from '../sql/ended-runs.js'
import { asked, hasAnyId } from '../sql/lists.js'
import { hasTable } from '../sql/optional-tables.js'

/**
 * Deletes the runs first: where foreign keys are enforced, their history goes with them, and a row of the
 * host's that forbids it is met before anything was changed. Where they are not, it is deleted after them.
 */
export async function pruneOnSqlite(scope: Scope, pruning: Pruning): Promise<string[]> {
  return await transact(scope, async (inside) => {
    const { db, dialect, tables } = inside
    const { states, isOfQueues, values } = pruning
    const picked = await runStatement<{ id: string }>(
      inside,
      ['prune', ...states, isOfQueues ? 'of queues' : ''].join(' '),
      (parameter) => pick(inside, pruning, parameter),
      values,
    )
    if (picked.length === 0) return []
    const ids = picked.map(({ id }) => id)
    const { rows } = await sql<{ id: string }>`
      delete from ${tables.flow_run} where ${hasAnyId('flow_run.id', ids, dialect)} returning id
    `.execute(db)
    const deleted = new Set(rows.map(({ id }) => id))
    const gone = ids.filter((id) => deleted.has(id))
    await sql`delete from ${tables.flow_run_state} where ${hasAnyId('flow_run_id', gone, dialect)}`.execute(db)
    if (await hasTable(inside, 'flow_run_lease', 'write')) {
      await sql`delete from ${tables.flow_run_lease} where ${hasAnyId('flow_run_id', gone, dialect)}`.execute(db)
    }
    return gone
  })
}

/** The runs that ended first, of each state and queue by its own walk through an index. */
function pick(scope: Scope, pruning: Pruning, parameter: Parameter): RawBuilder<{ id: string }> {
  const walks = pruning.states.map((state) => (pruning.isOfQueues ? walkQueues : walk)(scope, state, parameter))
  return sql<{ id: string }>`
    select walked.id from (${sql.join(walks, sql` union all `)}) as walked
    order by walked.ended, walked.id
    limit ${parameter('limit')}`
}

type Walk = (scope: Scope, state: Pruning['states'][number], parameter: Parameter) => RawBuilder<unknown>

const walk: Walk = ({ tables }, state, parameter) => sql`
  select * from (
    select run.id, ${endOf('run')} as ended from ${tables.flow_run} as run
    where ${hasEndedIn('run', state, 'sqlite')} and ${endOf('run')} < ${parameter(state)}
    order by ${endOf('run')}, run.id
    limit ${parameter('limit')}
  )`

/**
 * The same for each queue. SQLite has no `lateral`, so the last run that the limit leaves of a queue is found
 * first, and then those up to it.
 */
const walkQueues: Walk = ({ tables }, state, parameter) => {
  const isOfQueue = (alias: string) => sql`
    ${sql.ref(`${alias}.work_queue_id`)} = queue.value and ${sql.ref(`${alias}.work_queue_id`)} is not null
      and ${hasEndedIn(alias, state, 'sqlite')}`
  const end = sql`(
      select ${endOf('last')} from ${tables.flow_run} as last
      where ${isOfQueue('last')} and ${endOf('last')} < ${parameter(state)}
      order by ${endOf('last')}
      limit 1 offset ${parameter('last')})`
  return sql`
    select run.id, ${endOf('run')} as ended
    from json_each(${parameter('ids')}) as queue
    cross join ${tables.flow_run} as run
    on ${isOfQueue('run')} and ${endOf('run')} <= coalesce(${end}, ${parameter(state)})
      and ${asked(sql`${endOf('run')} < ${parameter(state)}`)}`
}
