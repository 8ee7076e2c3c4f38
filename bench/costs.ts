import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { formatISO } from 'date-fns'
import { backlogTable, type BacklogTimes, growth, measureBacklog, pollTime } from './sections/backlog.js'
import { measureMemory } from './sections/memory.js'
import { measurePrefect } from './sections/prefect.js'
import { measureQueues } from './sections/queues.js'
import { measureRaw } from './sections/raw.js'
import { type Server, startPostgres, startSqlite } from './support/bench-databases.js'
import { progress } from './support/measure.js'
import { plotPolls, type Point } from './support/plot.js'
import { countText, type Goal, goalTable, writeSections } from './support/report.js'
import { storage } from './support/storage.js'
import { createWorld, PLACES, type World } from './support/backlog-world.js'

const kysely = JSON.parse(readFileSync(new URL('../node_modules/kysely/package.json', import.meta.url), 'utf8'))

// npm run bench [-- LARGEST]: measures at 1,000 runs, 10,000 and so on, up to LARGEST.
const largest = Number(process.argv[2] ?? 100_000)
if (!Number.isInteger(largest) || largest < 1000) throw new Error('the size is a number of runs, at least 1000')
const sizes = [1_000, 10_000, 100_000, 1_000_000].filter((size) => size < largest).concat(largest)
const prefectSize = Math.min(largest, 100_000)

const goals: Goal[] = []
const texts: Record<'growth' | 'raw' | 'queues' | 'memory' | 'prefect', string[]> = {
  growth: [],
  raw: [],
  queues: [],
  memory: [],
  prefect: [],
}
const points: Point[] = []
const versions: string[] = []

/** Measures everything on one kind of database. */
async function measureOn(server: Server): Promise<void> {
  const worlds: World[] = []
  for (const size of sizes) {
    worlds.push(await createWorld(server, size))
    progress(`${server.name}: seeded ${countText(size)} runs in each place`)
  }
  const last = worlds.at(-1)
  if (last === undefined) return
  versions.push(`${server.name} ${last.database.version}`)

  const times: BacklogTimes = await measureBacklog(worlds)
  goals.push(...growth(times, sizes, server.name))
  texts.growth.push(`### ${server.name}\n\n${backlogTable(times, sizes)}`)
  for (const place of PLACES) {
    for (const runs of sizes) points.push({ database: server.name, place, runs, ms: pollTime(times, place, runs) })
  }
  await writeResults()
  take('raw', server, await measureRaw(last))
  take('memory', server, await measureMemory(worlds))
  await writeResults()
  for (const { database } of worlds) await database[Symbol.asyncDispose]()
  take('queues', server, await measureQueues(server))
  texts.prefect.push(await measurePrefect(server, prefectSize))
}

function take(section: keyof typeof texts, server: Server, measured: { text: string; goals: Goal[] }): void {
  texts[section].push(`### ${server.name}\n\n${measured.text}`)
  goals.push(...measured.goals)
  progress(`${server.name}: ${section}`)
}

/** Writes what has been measured so far: a long run that is cut off leaves what it had. */
async function writeResults(): Promise<void> {
  const missed = missedGoals()
  plotPolls(new URL('poll-cost.svg', import.meta.url), points)
  await writeSections(new URL('RESULTS.md', import.meta.url), {
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB; Node ${process.versions.node},
Kysely ${kysely.version}, ${versions.join(', ')} (a file in WAL mode; a server of its own on the same machine, fsync on; both ${storage});
${formatISO(new Date(), { representation: 'date' })}, by \`npm run bench -- ${largest}\`.

Times are in milliseconds. Each is the lowest of the medians of several rounds, in which what is compared takes turns.`,
    goals: `## Goals\n\n${missed.length === 0 ? 'All' : `${goals.length - missed.length} of ${goals.length}`} are met.\n\n${goalTable(goals)}`,
    'poll-cost': `## Cost against backlog

![What a poll costs, against the number of runs](poll-cost.svg)

Each polled queue has a concurrency limit with 5 active runs, and at least 100 due runs; its pool has a limit too. Beside them
there are as many runs as the column says in the place that the row says: due in the queue itself, due earlier in another queue
of its pool, due earlier in other pools, or finished in the queue itself. All places are in one database, so that at 1M it holds
three million runs. Reads and claims are of 10 runs, and 10 runs are created. What claims and creations change is put back
between the calls, outside the measured time.

${texts.growth.join('\n\n')}`,
    raw: `## Beside the bare driver

The same statement with the same values, handed to the driver without Kysely and this library: better-sqlite3 preparing it on each
call, as Kysely does, or once; \`pg\` by \`pool.query\`. And the least that a poll could be.

${texts.raw.join('\n\n')}`,
    queues: `## A pool with a thousand queues\n\n${texts.queues.join('\n\n')}`,
    memory: `## Memory\n\n${texts.memory.join('\n\n')}`,
    'prefect-indexes': `## On Prefect's own tables

The same functions on the tables and indexes that Prefect 3.8.8 makes, before and after the migration \`prefectIndexes\`.

${texts.prefect.join('\n\n')}`,
  })
}

function missedGoals(): Goal[] {
  return goals.filter(({ ratio, atMost }) => ratio > atMost)
}

{
  await using sqlite = startSqlite()
  await measureOn(sqlite)
  await writeResults()
}
{
  await using postgres = await startPostgres()
  await measureOn(postgres)
  await writeResults()
}

const missed = missedGoals()
progress(missed.length === 0 ? 'all goals are met' : `goals that are not met:\n${goalTable(missed)}`)
