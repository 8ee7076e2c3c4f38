import { countFlowRuns } from '../flow-runs/count-flow-runs.js'
import { createFlowRuns } from '../flow-runs/create-flow-runs.js'
import { DEFAULT_WORK_QUEUE_NAME } from '../rules/names.js'
import { check, countSchema, type NowOption, nowOptionSchema } from '../model/checks.js'
import type { FlowRunCreate } from '../model/flow-run.js'
import type { WorkPoolCreate } from '../model/work-pool.js'
import type { WorkQueueCreate } from '../model/work-queue.js'
import type { FlowRun } from '../model/flow-run.js'
import type { WorkPool } from '../model/work-pool.js'
import type { WorkQueue } from '../model/work-queue.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { readClock } from '../sql/clock.js'
import { countWorkPools } from '../work-pools/count-work-pools.js'
import { createWorkPool } from '../work-pools/create-work-pool.js'
import { readWorkPoolByName } from '../work-pools/read-work-pool-by-name.js'
import { countWorkQueues } from '../work-queues/count-work-queues.js'
import { createWorkQueue } from '../work-queues/create-work-queue.js'
import { ensureWorkQueueExists } from '../work-queues/ensure-work-queue-exists.js'

/** A work pool of which everything has a default. */
export type WorkPoolInput = Omit<WorkPoolCreate, 'name'> & { name?: string | undefined }

/** A work queue of which everything has a default. */
export type WorkQueueInput = Omit<WorkQueueCreate, 'name'> & { name?: string | undefined }

/**
 * Makes a work pool, by {@link createWorkPool}, and with it its queue `default`.
 *
 * @param input - Defaults: the type `process`, and a name by the number of pools there are, such as `pool-1`.
 * @param options - `now`: what time it is. Default: the clock.
 * @throws What {@link createWorkPool} throws.
 *
 * @example
 * ```ts
 * const pool = await makeWorkPool(session, { concurrencyLimit: 2 })
 * pool.name // 'pool-1'
 * ```
 */
export async function makeWorkPool<DB extends RequiredTables>(
  session: Session<DB>,
  input: WorkPoolInput = {},
  options: NowOption = {},
): Promise<WorkPool> {
  return await open(session, async ({ db }) => {
    let { name } = input
    for (let number = (await countWorkPools(db)) + 1; name === undefined; number++) {
      const free = `pool-${number}`
      if ((await readWorkPoolByName(db, free)) === undefined) name = free
    }
    return await createWorkPool(db, { ...withDefaults({ type: 'process' }, input), name }, options)
  })
}

/**
 * Makes a work queue, by {@link createWorkQueue}.
 *
 * @param input - Defaults: the pool `default-agent-pool`, which is created if absent, the first free
 *   priority, and a name by the number of queues there are, such as `queue-2`.
 * @param options - `now`: what time it is. Default: the clock.
 * @throws What {@link createWorkQueue} throws.
 *
 * @example
 * ```ts
 * const queue = await makeWorkQueue(session, { workPoolId: pool.id, concurrencyLimit: 1 })
 * ```
 */
export async function makeWorkQueue<DB extends RequiredTables>(
  session: Session<DB>,
  input: WorkQueueInput = {},
  options: NowOption = {},
): Promise<WorkQueue> {
  return await open(session, async ({ db }) => {
    let { name } = input
    for (let number = (await countWorkQueues(db)) + 1; name === undefined; number++) {
      const free = `queue-${number}`
      if ((await countWorkQueues(db, { filter: { name: { any: [free] } } })) === 0) name = free
    }
    return await createWorkQueue(db, { ...input, name }, options)
  })
}

/**
 * Makes a flow run, by {@link createFlowRuns}: SCHEDULED and due, unless the input says otherwise.
 *
 * @param input - Defaults: the start time `now`, a name by the number of runs there are, such as `run-1`,
 *   and, when it says nothing of a queue, the queue `default` of the pool `default-agent-pool`, which are
 *   created if absent.
 * @param options - `now`: what time it is. Default: the clock.
 * @throws What {@link createFlowRuns} throws.
 *
 * @example
 * ```ts
 * const run = await makeFlowRun(session, { workQueueId: queue.id }, { now })
 * ```
 */
export async function makeFlowRun<DB extends RequiredTables>(
  session: Session<DB>,
  input: FlowRunCreate = {},
  options: NowOption = {},
): Promise<FlowRun> {
  const [run] = await makeFlowRuns(session, 1, input, options)
  return run as FlowRun
}

/**
 * Makes flow runs, by {@link createFlowRuns}, each as {@link makeFlowRun} makes it.
 *
 * @param count - How many.
 * @param input - What all have in common, or a function that is called with 0, 1, 2 and so on and returns the
 *   input of each.
 * @param options - `now`: what time it is. Default: the clock.
 * @returns The runs, in that order, which is also the order of their ids.
 * @throws What {@link createFlowRuns} throws.
 *
 * @example
 * ```ts
 * const runs = await makeFlowRuns(session, 10, (index) => ({
 *   workQueueId: queue.id,
 *   nextScheduledStartTime: addMinutes(now, index),
 * }))
 * ```
 */
export async function makeFlowRuns<DB extends RequiredTables>(
  session: Session<DB>,
  count: number,
  input: FlowRunCreate | ((index: number) => FlowRunCreate) = {},
  options: NowOption = {},
): Promise<FlowRun[]> {
  const length = check(countSchema, count, 'count')
  const { now } = check(nowOptionSchema, options)
  return await open(session, async (scope) => {
    const { db } = scope
    const first = (await countFlowRuns(db)) + 1
    const dueTime = await readClock(scope, now)
    const inputs = Array.from({ length }, (_, index) =>
      withDefaults<FlowRunCreate>(
        { name: `run-${first + index}`, nextScheduledStartTime: dueTime },
        typeof input === 'function' ? input(index) : input,
      ),
    )
    if (inputs.some(isWithoutQueue)) {
      const { id } = await ensureWorkQueueExists(db, DEFAULT_WORK_QUEUE_NAME, { now })
      return await createFlowRuns(
        db,
        inputs.map((run) => (isWithoutQueue(run) ? { ...run, workQueueId: id } : run)),
        { now },
      )
    }
    return await createFlowRuns(db, inputs, { now })
  })
}

/** Whether nothing is said of a queue. `null` says that there is none. */
function isWithoutQueue({ workQueueId, workQueueName }: FlowRunCreate): boolean {
  return workQueueId === undefined && workQueueName === undefined
}

/** The input, and defaults for the keys that it does not have; a key that is `undefined` counts as absent. */
function withDefaults<T extends object>(defaults: Partial<T>, input: T): T {
  const given = Object.entries(input).filter(([, value]) => value !== undefined)
  return { ...defaults, ...(Object.fromEntries(given) as T) }
}
