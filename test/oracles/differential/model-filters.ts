// The part of the reference model that selects, orders and pages rows. Written from the contract alone, like the rest.

import { byId, isMember, page, type Page, type Pool, type Queue, type Run, type State } from './model.js'

/** One of these values. */
interface Any<T = string> {
  any: T[]
}

/** Whether all keys must match, or one of them. */
interface Combined {
  operator?: 'and' | 'or' | undefined
}

export interface QueueFilter extends Combined {
  id?: Any | undefined
  name?: { any?: string[] | undefined; startsWith?: string[] | undefined } | undefined
}

export interface PoolFilter extends Combined {
  id?: Any | undefined
  name?: Any | undefined
  type?: Any | undefined
}

export interface RunFilter extends Combined {
  id?: Any | undefined
  name?: Any | undefined
  flowId?: Any | undefined
  deploymentId?: Any | undefined
  workQueueId?: Any | undefined
  workQueueName?: Any | undefined
  memberOf?: string | undefined
  stateType?: Any | undefined
  stateName?: Any | undefined
  tags?: { all: string[] } | undefined
  start?: { before?: number | undefined; after?: number | undefined } | undefined
}

const isOneOf = (value: string | null, any: string[]): boolean => value !== null && any.includes(value)

/** A criterion holds, does not hold, or was not asked for. */
type Verdict = boolean | undefined

function combine({ operator = 'and' }: Combined, verdicts: Verdict[]): boolean {
  const asked = verdicts.filter((verdict) => verdict !== undefined)
  return operator === 'or' && asked.length > 0 ? asked.includes(true) : !asked.includes(false)
}

function startsWith(name: string, prefix: string): boolean {
  const lower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
  return lower(name).startsWith(lower(prefix))
}

function matchesName(name: string, criteria: QueueFilter['name']): Verdict {
  if (criteria === undefined) return undefined
  const { any, startsWith: prefixes } = criteria
  return (any?.includes(name) ?? true) && (prefixes?.some((prefix) => startsWith(name, prefix)) ?? true)
}

const byName = (a: { name: string }, b: { name: string }): number =>
  Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))

export interface QueueRead extends Page {
  filter?: QueueFilter | undefined
  poolId?: string | undefined
  orderBy?: 'name' | 'priority' | undefined
}

/** The queues that are read. */
export function readQueues({ queues }: State, { filter = {}, poolId, orderBy = 'name', ...rest }: QueueRead): Queue[] {
  const found = queues
    .filter((queue) => poolId === undefined || queue.poolId === poolId)
    .filter(({ id, name }) => combine(filter, [filter.id?.any.includes(id), matchesName(name, filter.name)]))
    .toSorted((a, b) => (orderBy === 'name' ? byName(a, b) : a.priority - b.priority) || byId(a, b))
  return page(found, rest)
}

/** The pools that are read. */
export function readPools(
  { pools }: State,
  { filter = {}, ...rest }: Page & { filter?: PoolFilter | undefined },
): Pool[] {
  const found = pools
    .filter(({ id, name, type }) =>
      combine(filter, [filter.id?.any.includes(id), filter.name?.any.includes(name), filter.type?.any.includes(type)]),
    )
    .toSorted(byName)
  return page(found, rest)
}

export interface RunRead extends Page {
  filter?: RunFilter | undefined
  orderBy?: 'id' | 'nextScheduledStartTime' | 'endTime' | 'created' | undefined
  descending?: boolean | undefined
}

/** Nulls last and ties by id, in both directions. */
function inOrder({ orderBy = 'id', descending = false }: RunRead): (a: Run, b: Run) => number {
  const times = { nextScheduledStartTime: 'start', endTime: 'end', created: 'created' } as const
  return (a, b) => {
    if (orderBy === 'id') return descending ? byId(b, a) : byId(a, b)
    const [one, other] = [a[times[orderBy]], b[times[orderBy]]]
    if (one === null || other === null) return Number(one === null) - Number(other === null) || byId(a, b)
    return (descending ? other - one : one - other) || byId(a, b)
  }
}

/** The runs that are read. */
export function readRuns(state: State, { filter = {}, orderBy, descending, ...rest }: RunRead): Run[] {
  const { runs, queues } = state
  const { start } = filter
  const isInTime = ({ start: time }: Run): Verdict =>
    start &&
    (start.before === undefined || (time !== null && time <= start.before)) &&
    (start.after === undefined || (time !== null && time >= start.after))
  const found = runs
    .filter((run) =>
      combine(filter, [
        filter.id && isOneOf(run.id, filter.id.any),
        filter.name && isOneOf(run.name, filter.name.any),
        filter.flowId && isOneOf(run.flowId, filter.flowId.any),
        filter.deploymentId && isOneOf(run.deploymentId, filter.deploymentId.any),
        filter.workQueueId && isOneOf(run.queueId, filter.workQueueId.any),
        filter.workQueueName && isOneOf(run.queueName, filter.workQueueName.any),
        filter.memberOf === undefined
          ? undefined
          : queues.some((queue) => queue.id === filter.memberOf && isMember(state, run, queue)),
        filter.stateType && isOneOf(run.state, filter.stateType.any),
        filter.stateName && isOneOf(run.stateName, filter.stateName.any),
        filter.tags?.all.every((tag) => run.tags.includes(tag)),
        isInTime(run),
      ]),
    )
    .toSorted(inOrder({ orderBy, descending }))
  return page(found, rest)
}
