import type { Kysely } from 'kysely'
import {
  readFlowRuns,
  readWorkers,
  readWorkPools,
  readWorkQueues,
  takeEvents,
  type WorkQueueEvent,
} from 'kysely-work-queues'
import type { WorkQueueTables } from 'kysely-work-queues'
import { expect } from 'vitest'

type Db = Kysely<WorkQueueTables>
type Properties = Readonly<Record<string, unknown>>

/** What an event of each kind of resource may have, when its row is created or deleted, and when it is updated. */
const PROPERTIES: Record<WorkQueueEvent['resource'], { whole: readonly string[]; updated: readonly string[] }> = {
  'work-pool': both(
    ['name', 'description', 'type', 'isPaused', 'concurrencyLimit', 'defaultQueueId', 'status', 'storageConfiguration'],
    ['baseJobTemplate'],
  ),
  'work-queue': both([
    'name',
    'description',
    'isPaused',
    'concurrencyLimit',
    'priority',
    'workPoolId',
    'filter',
    'status',
  ]),
  worker: { whole: ['name', 'workPoolId', 'status'], updated: ['status'] },
  'flow-run': {
    whole: [
      'name',
      'flowId',
      'deploymentId',
      'workQueueId',
      'workQueueName',
      'stateId',
      'stateType',
      'stateName',
      'stateTimestamp',
      'nextScheduledStartTime',
      'tags',
      'idempotencyKey',
      'infrastructurePid',
    ],
    updated: ['stateId', 'stateType', 'stateName'],
  },
}

function both(whole: string[], more: string[] = []): { whole: string[]; updated: string[] } {
  return { whole, updated: [...whole, ...more] }
}

/** Every row that has events, as a record, by its resource and id. */
export type World = Map<string, Properties>

export async function readWorld(db: Db): Promise<World> {
  const world: World = new Map()
  const pools = await readWorkPools(db)
  const put = (resource: string, records: readonly { id: string }[]): void => {
    for (const record of records) world.set(`${resource} ${record.id}`, { ...record })
  }
  put('work-pool', pools)
  put('work-queue', await readWorkQueues(db))
  for (const { id } of pools) put('worker', await readWorkers(db, id))
  put('flow-run', await readFlowRuns(db))
  return world
}

/**
 * Makes the changes that events tell of, on what there was before, and expects what there is now: so nothing was left out. On the way
 * it expects that each event begins with what the last one left, and names nothing that it did not change.
 */
export function expectReplayed(before: World, events: readonly WorkQueueEvent[], after: World): void {
  const world = new Map([...before].map(([key, properties]) => [key, { ...properties }] as const))
  for (const event of events) {
    const key = `${event.resource} ${event.resourceId}`
    const known = world.get(key)
    const { whole, updated } = PROPERTIES[event.resource]
    if (event.kind === 'created') {
      expect(known, key).toBeUndefined()
      expect(event.before).toBeNull()
      expect(Object.keys(event.after).toSorted()).toEqual([...whole].toSorted())
      world.set(key, { ...event.after })
    } else if (event.kind === 'deleted') {
      expect(event.after).toBeNull()
      expect(Object.keys(event.before).toSorted()).toEqual([...whole].toSorted())
      const kept = whole.filter((property) => updated.includes(property))
      expect(event.before).toMatchObject(pick(known, kept))
      world.delete(key)
    } else {
      const changed = Object.keys(event.after)
      expect(changed.length).toBeGreaterThan(0)
      expect(updated).toEqual(expect.arrayContaining(changed))
      expect(Object.keys(event.before)).toEqual(changed)
      // A new run's first state is written after it, which is no event.
      const before =
        known?.['stateId'] === null ? { ...known, stateId: (event.before as Properties)['stateId'] } : known
      expect(event.before).toEqual(pick(before, changed))
      for (const property of changed) {
        expect((event.after as Properties)[property], property).not.toEqual((event.before as Properties)[property])
      }
      world.set(key, { ...known, ...event.after })
    }
  }
  const counted = (of: World): unknown =>
    Object.fromEntries(
      [...of].map(([key, properties]) => {
        const { updated } = PROPERTIES[key.split(' ')[0] as WorkQueueEvent['resource']]
        return [key, pick(properties, updated)]
      }),
    )
  // What a new row's events do not tell.
  for (const [key, properties] of world) {
    const { baseJobTemplate, stateId } = after.get(key) ?? {}
    if (!('baseJobTemplate' in properties)) world.set(key, { ...properties, baseJobTemplate })
    if (properties['stateId'] === null || stateId === null) world.set(key, { ...properties, stateId })
  }
  expect(counted(world)).toEqual(counted(after))
}

function pick(from: Properties | undefined, keys: readonly string[]): Properties {
  return Object.fromEntries(keys.map((key) => [key, from?.[key]]))
}

/** Every event that there is. */
export async function takeAll(db: Db): Promise<WorkQueueEvent[]> {
  return await takeEvents(db, { limit: 100_000 })
}

/** What changes came to, in a form that says it all: `work-pool updated { status: NOT_READY -> READY }`. */
export function told(events: readonly WorkQueueEvent[]): string[] {
  return events.map(({ resource, kind, before, after }) => {
    if (before === null || after === null) return `${resource} ${kind}`
    const changes = Object.keys(after).map(
      (key) => `${key}: ${text((before as Properties)[key])} -> ${text((after as Properties)[key])}`,
    )
    return `${resource} ${kind} { ${changes.join(', ')} }`
  })
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
