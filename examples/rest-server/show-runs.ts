import type { Kysely } from 'kysely'
import { type FlowRun, readWorkPools, readWorkQueues, type WorkQueueTables } from 'kysely-work-queues'
import { readMessages } from './flow-run-rows.js'
import type { Json } from './keys.js'
import { runToJson } from './to-json.js'

/** Runs with what Prefect shows beside their columns: the queue's and pool's names, and what their states say. */
export async function showRuns(db: Kysely<WorkQueueTables>, runs: readonly FlowRun[]): Promise<Json[]> {
  const any = runs.flatMap(({ workQueueId }) => workQueueId ?? [])
  const queues = await readWorkQueues(db, { filter: { id: { any } } })
  const pools = await readWorkPools(db, { filter: { id: { any: queues.map(({ workPoolId }) => workPoolId) } } })
  const messages = await readMessages(db, runs)
  return runs.map((run) => {
    const queue = queues.find(({ id }) => id === run.workQueueId)
    const pool = pools.find(({ id }) => id === queue?.workPoolId)
    return {
      ...runToJson(run, messages.get(run.stateId ?? '')),
      work_queue_name: queue?.name ?? run.workQueueName,
      work_pool_id: pool?.id ?? null,
      work_pool_name: pool?.name ?? null,
    }
  })
}
