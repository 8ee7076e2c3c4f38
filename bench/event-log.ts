import { readFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { formatISO } from 'date-fns'
import { measureEvents } from './sections/event-log-costs.js'
import { type Server, startPostgres, startSqlite } from './support/bench-databases.js'
import { progress } from './support/measure.js'
import { writeSections } from './support/report.js'
import { storage } from './support/storage.js'

// npm run bench:events: what the event log adds to a claim, a state change and a heartbeat, on both databases.

const kysely = JSON.parse(readFileSync(new URL('../node_modules/kysely/package.json', import.meta.url), 'utf8'))

const texts: string[] = []
const versions: string[] = []

async function measureOn(server: Server): Promise<void> {
  {
    await using database = await server.open()
    versions.push(`${server.name} ${database.version}`)
  }
  texts.push(await measureEvents(server))
  progress(server.name)
}

const load = loadavg()[0]?.toFixed(1)
{
  await using sqlite = startSqlite()
  await measureOn(sqlite)
}
{
  await using postgres = await startPostgres()
  await measureOn(postgres)
}

await writeSections(new URL('RESULTS.md', import.meta.url), {
  events: `## The event log

${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, load ${load} at the start; Node ${process.versions.node}, Kysely ${kysely.version},
${versions.join(', ')} (${storage}); ${formatISO(new Date(), { representation: 'date' })}, by \`npm run bench:events\`. The same calls on two databases of 20,000 runs that are due,
one with the migration \`eventLog\`; 20,000 events wait in it. Each time is
processor time, of client and server together: the median of 60 calls, in turn.

${texts.join('\n\n')}`,
})
