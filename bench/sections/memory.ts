import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { getRunsInWorkQueue } from 'kysely-work-queues'
import { countText, type Goal, ratioText, table } from '../support/report.js'
import { now, type World } from '../support/backlog-world.js'

const CALLS = 20

/** Tells how much heap a poll of ten runs takes, at the smallest size and at the largest. */
export async function measureMemory(worlds: readonly World[]): Promise<{ text: string; goals: Goal[] }> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const compared = [worlds[0], worlds.at(-1)].filter((world) => world !== undefined)
  const samples = compared.map((): number[] => [])
  for (let round = 0; round < 9; round++) {
    for (const [n, { database, places }] of compared.entries()) {
      const id = places[0]?.queue.id ?? ''
      const poll = async (): Promise<unknown> =>
        await getRunsInWorkQueue(database.db, id, { limit: 10, scheduledBefore: now })
      await poll()
      collect()
      // Too few calls for a collection to come in between.
      const before = process.memoryUsage().heapUsed
      for (let call = 0; call < CALLS; call++) await poll()
      samples[n]?.push((process.memoryUsage().heapUsed - before) / CALLS)
    }
  }
  const medians = samples.map((all) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0)
  const [first, last] = [medians[0] ?? 0, medians.at(-1) ?? 0]
  const database = compared[0]?.database.name
  const sizes = compared.map(({ size }) => countText(size))
  return {
    text: table(
      ['heap allocated by a poll of 10 runs', ...sizes.map((size) => `of ${size}`), ''],
      [[database ?? '', ...medians.map((bytes) => `${(bytes / 1024).toFixed(1)} KiB`), ratioText(last / first)]],
    ),
    // Exactly equal it cannot be: the heap is counted in pages, and compiled code is in it.
    goals: [
      { name: `heap allocated by a poll, ${sizes.join(' against ')}, ${database}`, ratio: last / first, atMost: 1.1 },
    ],
  }
}
