import type { Command } from './commands.js'
import { pick } from './perform.js'
import type { NamedQueue, Tables } from './named-tables.js'

/** The pools in which two queues have one priority. */
function unsettledPools({ queues }: Tables): Set<string> {
  const seen = new Set<string>()
  const unsettled = new Set<string>()
  for (const { workPoolId, priority } of queues) {
    const place = `${workPoolId} ${priority}`
    if (seen.has(place) || priority < 1) unsettled.add(workPoolId)
    seen.add(place)
  }
  return unsettled
}

/** The pool whose priorities a call puts in order, whatever they were. */
function settledPool(command: Command, before: Tables, after: Tables): string | undefined {
  const { pools, queues } = before
  const poolOf = (queue: number): string | undefined => queues.find(({ id }) => id === pick(queues, queue))?.workPoolId
  if (command.kind === 'createWorkQueue') {
    const defaultPool = after.pools.find(({ name }) => name === 'default-agent-pool')
    return command.pool === undefined ? defaultPool?.id : pick(pools, command.pool)
  }
  if (command.kind === 'bulkUpdateWorkQueuePriorities') return pick(pools, command.pool)
  if (command.kind === 'deleteWorkQueue') return poolOf(command.queue)
  const isMove = command.kind === 'updateWorkQueue' && command.values.priority !== undefined
  return isMove ? poolOf(command.queue) : undefined
}

/** The priorities that a call asks for, by queue. */
function askedPriorities(command: Command, { queues, pools }: Tables): Map<string, number> {
  let asked: [id: string, priority: number][] = []
  if (command.kind === 'updateWorkQueue' && command.values.priority !== undefined) {
    asked = [[pick(queues, command.queue), command.values.priority]]
  }
  if (command.kind === 'bulkUpdateWorkQueuePriorities') {
    asked = command.queues.map((queue, n) => [pick(queues, queue), command.priorities[n] ?? 1])
  }
  const pool = command.kind === 'bulkUpdateWorkQueuePriorities' ? pick(pools, command.pool) : undefined
  const known = queues.filter(({ workPoolId }) => pool === undefined || workPoolId === pool).map(({ id }) => id)
  return new Map(asked.filter(([id]) => known.includes(id)))
}

/**
 * What is wrong with the priorities after a call, if anything: equal ones, where there were none or where the call must end them; not
 * the asked ones; others that moved up, or past each other.
 */
export function wrongPriorities(command: Command | undefined, before: Tables, after: Tables): string[] {
  const wasUnsettled = unsettledPools(before)
  const settled = command && settledPool(command, before, after)
  const asked = command === undefined ? new Map<string, number>() : askedPriorities(command, before)
  const priorities = new Map(after.queues.map(({ id, priority }) => [id, priority]))
  const wrong = [...unsettledPools(after)]
    .filter((pool) => !wasUnsettled.has(pool) || pool === settled)
    .map((pool) => `equal priorities in ${pool}`)
  for (const [id, priority] of asked) {
    if (priorities.get(id) !== priority) wrong.push(`${id} has not the asked priority`)
  }
  const others = before.queues.filter(({ id }) => priorities.has(id) && !asked.has(id)).toSorted(byPriority)
  for (const [n, { id, workPoolId, priority }] of others.entries()) {
    const now = priorities.get(id) ?? NaN
    if (now < priority) wrong.push(`${id} moved up`)
    const next = others.slice(n + 1).find((other) => other.workPoolId === workPoolId && other.priority > priority)
    if (next !== undefined && (priorities.get(next.id) ?? NaN) <= now && workPoolId === settled) {
      wrong.push(`${id} moved past ${next.id}`)
    }
  }
  return wrong
}

function byPriority(a: NamedQueue, b: NamedQueue): number {
  return a.priority - b.priority
}
