import type { Kysely } from 'kysely'
import { readFlowRuns, setFlowRunState, setFlowRunStates, type WorkQueueTables } from 'kysely-work-queues'
import type { HotCall } from './hot-call.js'

/** The insertion of states, and the change of their runs, which are known by id. */
export const entering = ['flow_run_state__flow_run_id_timestamp_desc', 'by id alone']
/** The same in one statement. */
export const enteringAtOnce = ['flow_run_state__flow_run_id_timestamp_desc']

export const enteringOnSqlite = ['by id alone', ...entering]

/** Changes some runs of a queue, which one statement reads before. */
async function changeStates(db: Kysely<WorkQueueTables>, queue: string, limit: number): Promise<void> {
  const runs = await readFlowRuns(db, { filter: { workQueueId: { any: [queue] } }, limit })
  const changes = runs.map(({ id }) => ({ id, type: 'RUNNING' }) as const)
  if (limit > 1) await setFlowRunStates(db, changes)
  else for (const { id, type } of changes) await setFlowRunState(db, id, { type })
}

export const stateChanges: readonly HotCall[] = [
  {
    title: 'setFlowRunState',
    call: (db, { unlimited }) => changeStates(db, unlimited, 1),
    skips: 1,
    postgres: enteringAtOnce,
    sqlite: enteringOnSqlite,
    rows: 2,
  },
  {
    title: 'setFlowRunStates',
    call: (db, { unlimited }) => changeStates(db, unlimited, 10),
    skips: 1,
    postgres: enteringAtOnce,
    sqlite: enteringOnSqlite,
    rows: 30,
  },
]
