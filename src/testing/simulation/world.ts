import { addMilliseconds } from 'date-fns/addMilliseconds'
import { InvalidInputError } from '../../errors.js'
import { createFlowRuns } from '../../flow-runs/create-flow-runs.js'
import { DEFAULT_AGENT_WORK_POOL_NAME, DEFAULT_WORK_QUEUE_NAME } from '../../rules/names.js'
import { belongsToWorkQueue } from '../../rules/resolve-work-queue.js'
import type { FlowRun, FlowRunCreate } from '../../model/flow-run.js'
import type { WorkPool } from '../../model/work-pool.js'
import type { WorkQueue } from '../../model/work-queue.js'
import type { RequiredTables, Session } from '../../session.js'
import { createWorkPool } from '../../work-pools/create-work-pool.js'
import { readWorkPoolByName } from '../../work-pools/read-work-pool-by-name.js'
import { readWorkPools } from '../../work-pools/read-work-pools.js'
import { updateWorkPool } from '../../work-pools/update-work-pool.js'
import { createWorkQueue } from '../../work-queues/create-work-queue.js'
import { ensureWorkQueueExists } from '../../work-queues/ensure-work-queue-exists.js'
import { readWorkQueueByName } from '../../work-queues/read-work-queue-by-name.js'
import { readWorkQueues } from '../../work-queues/read-work-queues.js'
import { updateWorkQueue } from '../../work-queues/update-work-queue.js'
import type { CheckedOptions } from './options-schema.js'
import type { SimulatedPool, SimulatedQueue } from './options.js'
import type { Plan } from './plan.js'
import type { Random } from './random.js'

/** A queue, and the name of its pool. */
export type Queue = WorkQueue & { readonly pool: string }

/** Every pool and queue of the session. */
export interface World {
  readonly pools: readonly WorkPool[]
  readonly queues: readonly Queue[]
}

/** Makes the pools and queues that are asked for, or changes those that are there. */
export async function createWorld(
  session: Session<RequiredTables>,
  { pools, queues, start }: CheckedOptions,
): Promise<World> {
  for (const pool of pools) await putPool(session, pool, start)
  for (const [index, queue] of queues.entries()) await putQueue(session, queue, pools, index, start)
  const found = await readWorkPools(session)
  const poolNames = new Map(found.map(({ id, name }) => [id, name]))
  const queuesFound = await readWorkQueues(session)
  return {
    pools: found,
    queues: queuesFound.map((queue) => ({ ...queue, pool: poolNames.get(queue.workPoolId) ?? '' })),
  }
}

async function putPool(session: Session<RequiredTables>, pool: SimulatedPool, now: Date): Promise<void> {
  const { name, ...settings } = pool
  const existing = await readWorkPoolByName(session, name)
  if (existing === undefined) await createWorkPool(session, { type: 'process', ...pool }, { now })
  else await updateWorkPool(session, existing.id, settings, { now })
}

async function putQueue(
  session: Session<RequiredTables>,
  { name, pool, ...settings }: SimulatedQueue,
  pools: readonly SimulatedPool[],
  index: number,
  now: Date,
): Promise<void> {
  if (pool === undefined && pools.length > 1) throw refusal(`queues.${index}.pool`, 'is needed where pools are several')
  const workPoolName = pool ?? pools[0]?.name ?? DEFAULT_AGENT_WORK_POOL_NAME
  if (workPoolName === DEFAULT_AGENT_WORK_POOL_NAME) {
    await ensureWorkQueueExists(session, DEFAULT_WORK_QUEUE_NAME, { now })
  }
  const existing = await readWorkQueueByName(session, name, { workPoolName })
  if (existing === undefined) {
    const workPool = await readWorkPoolByName(session, workPoolName)
    if (workPool === undefined) throw refusal(`queues.${index}.pool`, 'is not there')
    await createWorkQueue(session, { name, workPoolId: workPool.id, ...settings }, { now })
  } else await updateWorkQueue(session, existing.id, settings, { now })
}

/** The queue that a run belongs to. */
export function queueOf({ queues }: World, run: FlowRun): Queue | undefined {
  return queues.find(({ id, name, pool }) => belongsToWorkQueue(run, { id, name, workPoolName: pool }))
}

/** The queue of this name, in the pool of this name if that is given. */
export function findQueue(world: World, name: string, pool: string | undefined, path: string): Queue {
  if (pool !== undefined) findPool(world, pool, path)
  const [queue, ...others] = world.queues.filter(
    (other) => other.name === name && (pool === undefined || other.pool === pool),
  )
  if (queue === undefined) throw refusal(`${path}.queue`, 'is not there')
  if (others.length > 0) throw refusal(`${path}.pool`, 'is needed where queues of several pools have the name')
  return queue
}

/** The pool of this name. */
export function findPool(world: World, name: string, path: string): WorkPool {
  const pool = world.pools.find((other) => other.name === name)
  if (pool === undefined) throw refusal(`${path}.pool`, 'is not there')
  return pool
}

/** Makes the runs that are asked for, and returns what each is to do, by its id. */
export async function createRuns(
  session: Session<RequiredTables>,
  world: World,
  { runs, start }: CheckedOptions,
  random: Random,
): Promise<Map<string, Plan>> {
  const numbers = new Map<string, number>()
  const plans: Plan[] = []
  const inputs: FlowRunCreate[] = []
  for (const [index, group] of runs.entries()) {
    const queue = findQueue(world, group.queue, group.pool, `runs.${index}`)
    const prefix = group.name ?? queue.name
    for (let made = 0; made < group.count; made++) {
      const number = (numbers.get(prefix) ?? 0) + 1
      numbers.set(prefix, number)
      inputs.push({
        name: `${prefix}-${number}`,
        workQueueId: queue.id,
        nextScheduledStartTime: addMilliseconds(start, random.milliseconds(group.startSeconds)),
      })
      plans.push({ ...group, duration: random.milliseconds(group.durationSeconds) })
    }
  }
  const created = await createFlowRuns(session, inputs, { now: start })
  return new Map(created.flatMap(({ id }, index) => plans.slice(index, index + 1).map((plan) => [id, plan])))
}

function refusal(path: string, message: string): InvalidInputError {
  return new InvalidInputError([{ path, message }])
}
