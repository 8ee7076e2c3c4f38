import { cpus, totalmem } from 'node:os'
import { formatISO } from 'date-fns'
import { backlogTable, growth, measureBacklog } from './sections/backlog.js'
import { createWorld, type PlaceName, type World } from './support/backlog-world.js'
import { startPostgres, startSqlite } from './support/bench-databases.js'
import { progress } from './support/measure.js'
import { countText, type Goal, goalTable, writeSections } from './support/report.js'
import { storage } from './support/storage.js'

// npm run bench:growth [-- LARGEST]: calls on a queue with so many due runs of its own, beside one with a thousand. The full size is the default,
// 10,000,000 on each database: it takes some 20 GB of disk, in the folder of `TMPDIR`.

const largest = Number(process.argv[2] ?? 10_000_000)
if (!Number.isInteger(largest) || largest < 10_000) throw new Error('the size is a number of runs, at least 10,000')
const sizes = [1000, largest]
const places: readonly PlaceName[] = ['its own backlog']

const goals: Goal[] = []
const texts: string[] = []
for (const start of [startSqlite, startPostgres]) {
  await using server = await start()
  const worlds: World[] = []
  for (const size of sizes) {
    worlds.push(await createWorld(server, size, { filled: places }))
    progress(`${server.name}: seeded ${countText(size)} runs`)
  }
  const times = await measureBacklog(worlds, places)
  goals.push(...growth(times, sizes, server.name, places))
  texts.push(
    `### ${server.name} ${worlds[0]?.database.version}, ${countText(largest)} due runs\n\n${backlogTable(times, sizes, places)}`,
  )
  for (const { database } of worlds) await database[Symbol.asyncDispose]()
}
const missed = goals.filter(({ ratio, atMost }) => ratio > atMost)
await writeSections(new URL('RESULTS.md', import.meta.url), {
  growth: `## A queue with ${countText(largest)} due runs

${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB; Node ${process.versions.node}; ${storage}; ${formatISO(new Date(), { representation: 'date' })}, by
\`npm run bench:growth -- ${largest}\`.

${missed.length === 0 ? 'All goals are met.' : `${goals.length - missed.length} of ${goals.length} goals are met.`}

${goalTable(goals)}

${texts.join('\n\n')}`,
})
progress(missed.length === 0 ? 'all goals are met' : `goals that are not met:\n${goalTable(missed)}`)
