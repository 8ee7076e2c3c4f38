import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  countWorkPoolActiveSlots,
  countWorkQueueActiveSlots,
  createFlowRuns,
  type FlowRun,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  readWorkQueueByName,
  readWorkQueueStatus,
} from 'kysely-work-queues'
import type { BenchDatabase } from '../support/bench-databases.js'
import { measure, progress, type Timed, timeOf } from '../support/measure.js'
import { countText, type Goal, ms, ratioText, table } from '../support/report.js'
import { now, type Place, type PlaceName, PLACES, type World } from '../support/backlog-world.js'

/** Runs that a call has to do with, for it to be undone. */
type Touched = readonly Pick<FlowRun, 'id'>[]

interface Call {
  readonly name: string
  readonly call: (database: BenchDatabase, place: Place) => Promise<unknown>
  readonly undo?: (database: BenchDatabase, touched: unknown) => Promise<void>
}

const limit = 10
const due = { limit, scheduledBefore: now }

const CALLS: readonly Call[] = [
  { name: 'getRunsInWorkQueue', call: ({ db }, { queue }) => getRunsInWorkQueue(db, queue.id, due) },
  {
    name: 'getScheduledFlowRuns',
    call: ({ db }, { pool }) => getScheduledFlowRuns(db, { workPoolIds: [pool.id], ...due }),
  },
  {
    name: 'claimRunsInWorkQueue',
    call: async ({ db }, { queue }) => (await claimRunsInWorkQueue(db, queue.id, due)).runs,
    undo: async (database, touched) => await release(database, touched as Touched),
  },
  {
    name: 'claimScheduledFlowRuns',
    call: async ({ db }, { pool }) =>
      (await claimScheduledFlowRuns(db, { workPoolIds: [pool.id], ...due })).map(({ flowRun }) => flowRun),
    undo: async (database, touched) => await release(database, touched as Touched),
  },
  {
    name: 'createFlowRuns',
    call: ({ db }, { queue }) =>
      createFlowRuns(
        db,
        Array.from({ length: limit }, () => ({ workQueueId: queue.id, nextScheduledStartTime: now })),
      ),
    undo: async (database, touched) => await remove(database, touched as Touched),
  },
  { name: 'readWorkQueueStatus', call: ({ db }, { queue }) => readWorkQueueStatus(db, queue.id) },
  { name: 'countWorkQueueActiveSlots', call: ({ db }, { queue }) => countWorkQueueActiveSlots(db, [queue.id]) },
  { name: 'countWorkPoolActiveSlots', call: ({ db }, { pool }) => countWorkPoolActiveSlots(db, [pool.id]) },
  {
    name: 'readWorkQueueByName',
    call: ({ db }, { queue, pool }) => readWorkQueueByName(db, queue.name, { workPoolName: pool.name }),
  },
]

/** Puts claimed runs back, as they were before. */
async function release(database: BenchDatabase, touched: Touched): Promise<void> {
  if (touched.length !== limit) throw new Error(`${touched.length} runs were claimed instead of ${limit}`)
  const ids = listOf(touched)
  await database.run(`
    update flow_run set state_type = 'SCHEDULED', state_name = 'Scheduled', state_id = null where id in (${ids});
    delete from flow_run_state where flow_run_id in (${ids})`)
}

async function remove(database: BenchDatabase, touched: Touched): Promise<void> {
  await database.run(`delete from flow_run where id in (${listOf(touched)})`)
}

function listOf(touched: Touched): string {
  return touched.map(({ id }) => `'${id}'`).join(', ')
}

/** What the calls take, by the name of call and place and the size. */
export type BacklogTimes = ReadonlyMap<string, number>

const keyOf = (call: string, place: PlaceName, size: number): string => `${call}, ${place}, ${size}`

/** Times each call in each place at each size. The sizes take turns. */
export async function measureBacklog(
  worlds: readonly World[],
  places: readonly PlaceName[] = PLACES,
): Promise<BacklogTimes> {
  const all = new Map<string, number>()
  for (const { name, call, undo } of CALLS) {
    for (const place of places) {
      const timed = worlds.map(({ size, database, places: all }): Timed => {
        const polled = all.find((each) => each.name === place) as Place
        let touched: unknown
        return {
          name: keyOf(name, place, size),
          run: async () => {
            touched = await call(database, polled)
          },
          after: undo && (async () => await undo(database, touched)),
        }
      })
      for (const [key, time] of await measure(timed)) all.set(key, time)
    }
    progress(`${worlds[0]?.database.name}: ${name}`)
  }
  return all
}

/** The time of a poll of a queue. */
export function pollTime(times: BacklogTimes, place: PlaceName, size: number): number {
  return timeOf(times, keyOf('getRunsInWorkQueue', place, size))
}

/** The largest size against the smallest, for each call in the place where it grows most. */
export function growth(
  times: BacklogTimes,
  sizes: readonly number[],
  database: string,
  places: readonly PlaceName[] = PLACES,
): Goal[] {
  const [first, last] = [sizes[0], sizes.at(-1)]
  if (first === undefined || last === undefined) return []
  return CALLS.map(({ name }) => {
    const ratios = places.map((place) => ({
      place,
      ratio: timeOf(times, keyOf(name, place, last)) / timeOf(times, keyOf(name, place, first)),
    }))
    const [worst] = ratios.toSorted((a, b) => b.ratio - a.ratio)
    return {
      name: `\`${name}\`, ${countText(last)} against ${countText(first)} runs, ${database}; the worst place is ${worst?.place}`,
      ratio: worst?.ratio ?? 0,
      atMost: 1.3,
    }
  })
}

export function backlogTable(
  times: BacklogTimes,
  sizes: readonly number[],
  places: readonly PlaceName[] = PLACES,
): string {
  const rows = CALLS.flatMap(({ name }) =>
    places.map((place) => {
      const measured = sizes.map((size) => timeOf(times, keyOf(name, place, size)))
      const ratio = (measured.at(-1) ?? 0) / (measured[0] ?? 1)
      return [`\`${name}\`, ${place}`, ...measured.map(ms), ratioText(ratio)]
    }),
  )
  return table(['ms, by the number of runs there', ...sizes.map(countText), 'last/first'], rows)
}
