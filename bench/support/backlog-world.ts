import { createWorkPool, createWorkQueue } from 'kysely-work-queues'
import type { BenchDatabase, Server, Tables } from './bench-databases.js'
import { analyze, seedRuns, withoutIndexes } from './seed.js'

/** Where the many runs are, as seen from the queue that is polled. */
export const PLACES = ['its own backlog', 'a neighbour queue', 'a neighbour pool', 'its own history'] as const

export type PlaceName = (typeof PLACES)[number]

interface Named {
  readonly id: string
  readonly name: string
}

/** A queue to poll, and its pool. */
export interface Place {
  readonly name: PlaceName
  readonly queue: Named
  readonly pool: Named
}

/** A database in which each place has the same number of runs. */
export interface World {
  readonly size: number
  readonly database: BenchDatabase
  readonly places: readonly Place[]
}

/** What time it is for the polls. The runs are due before. */
export const now = new Date('2040-01-01T00:00:00.000Z')

/**
 * Makes a database with `size` runs in each of the places: in all of them, or in those that are asked for. Every polled queue has at least 100 due runs and 5 active ones, and a
 * concurrency limit, as its pool has; the many runs elsewhere are due earlier.
 */
export async function createWorld(
  server: Server,
  size: number,
  { tables = 'ours', filled = PLACES }: { tables?: Tables; filled?: readonly PlaceName[] } = {},
): Promise<World> {
  const database = await server.open(tables)
  const { db } = database
  const queue = async (workPoolId: string, name: string): Promise<Named> => {
    const { id } = await createWorkQueue(db, { name, workPoolId, concurrencyLimit: 100 })
    return { id, name }
  }
  const places: Place[] = []
  for (const name of PLACES) {
    const pool = { name: `pool of ${name}`, concurrencyLimit: 500 }
    const { id } = await createWorkPool(db, pool)
    places.push({ name, pool: { id, name: pool.name }, queue: await queue(id, `queue of ${name}`) })
  }
  const placeOf = (name: PlaceName): Place => places.find((place) => place.name === name) as Place
  const neighbour = await queue(placeOf('a neighbour queue').pool.id, 'neighbour')

  await withoutIndexes(database, async () => {
    const own = placeOf('its own backlog').queue.id
    if (filled.includes('its own backlog')) await seedRuns(database, { workQueueId: own, count: size })
    // To the other pools it is a neighbour too.
    if (filled.includes('a neighbour queue')) await seedRuns(database, { workQueueId: neighbour.id, count: size })
    const history = placeOf('its own history').queue.id
    if (filled.includes('its own history')) {
      await seedRuns(database, { workQueueId: history, count: size, stateType: 'COMPLETED' })
    }
    for (const { queue: polled } of places) {
      await seedRuns(database, { workQueueId: polled.id, count: 100, start: '2038-01-01' })
      await seedRuns(database, { workQueueId: polled.id, count: 5, stateType: 'RUNNING' })
    }
  })
  await analyze(database)
  return { size, database, places }
}
