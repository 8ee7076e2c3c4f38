import { getRunsInWorkQueue, getScheduledFlowRuns, readWorkQueueStatus } from 'kysely-work-queues'
import { addPrefectIndexes, type BenchDatabase, type Server } from '../support/bench-databases.js'
import { measure, progress, type Timed, timeOf } from '../support/measure.js'
import { countText, ms, ratioText, table } from '../support/report.js'
import { analyze } from '../support/seed.js'
import { createWorld, now, type World } from '../support/backlog-world.js'

/** Times polls on Prefect's own tables, without our indexes and then with them. */
export async function measurePrefect(server: Server, size: number): Promise<string> {
  const world = await createWorld(server, size, { tables: 'prefect' })
  await using database = world.database
  const calls = callsOf(world)
  // Without the indexes a call may take a second.
  const without = await measure(calls, { rounds: 1, mostRounds: 1, time: 200 })
  const made = performance.now()
  await addPrefectIndexes(database)
  const seconds = (performance.now() - made) / 1000
  await analyze(database)
  const withThem = await measure(calls)
  progress(`${server.name}: Prefect's tables`)
  const rows = calls.map(({ name }) => {
    const [before, after] = [timeOf(without, name), timeOf(withThem, name)]
    return [name, ms(before), ms(after), ratioText(before / after)]
  })
  const head = [`${server.name}, ${countText(size)} runs in each place`, 'without, ms', 'with, ms', 'faster']
  return `${table(head, rows)}\n\nMaking the indexes took ${seconds.toFixed(1)} s.`
}

function callsOf({ database: { db }, places }: World & { readonly database: BenchDatabase }): Timed[] {
  const due = { limit: 10, scheduledBefore: now }
  return places.flatMap(({ name, queue, pool }): Timed[] => [
    { name: `\`getRunsInWorkQueue\`, ${name}`, run: async () => await getRunsInWorkQueue(db, queue.id, due) },
    {
      name: `\`getScheduledFlowRuns\`, ${name}`,
      run: async () => await getScheduledFlowRuns(db, { workPoolIds: [pool.id], ...due }),
    },
    { name: `\`readWorkQueueStatus\`, ${name}`, run: async () => await readWorkQueueStatus(db, queue.id) },
  ])
}
