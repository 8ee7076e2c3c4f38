import { cpus, loadavg, totalmem } from 'node:os'
import { formatISO } from 'date-fns'
import { measureLeases } from './sections/measure-leases.js'
import { type Server, startPostgres, startSqlite } from './support/bench-databases.js'
import { progress } from './support/measure.js'
import { type Goal, goalTable, writeSections } from './support/report.js'
import { storage } from './support/storage.js'

// npm run bench:leases: what leases cost: a claim for a holder, a renewal of a thousand, a look for what has expired.

const goals: Goal[] = []
const texts: string[] = []
const versions: string[] = []
const load = loadavg()[0] ?? 0
async function measureOn(server: Server): Promise<void> {
  const measured = await measureLeases(server)
  goals.push(...measured.goals)
  texts.push(measured.text)
  versions.push(measured.version)
}
{
  await using sqlite = startSqlite()
  await measureOn(sqlite)
}
{
  await using postgres = await startPostgres()
  await measureOn(postgres)
}

await writeSections(new URL('RESULTS.md', import.meta.url), {
  leases: `## Leases

${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, load ${load.toFixed(1)} at the start; Node ${process.versions.node}, ${versions.join(', ')} (a file in WAL mode;
a server of its own on the same machine, autovacuum off; both ${storage}); ${formatISO(new Date(), { representation: 'date' })}, by
\`npm run bench:leases\`. Beside the 100,000 waiting
runs of a queue there are 10,000 that are RUNNING, each with a lease and its history.

${goalTable(goals)}

${texts.join('\n\n')}`,
})
const missed = goals.filter(({ ratio, atMost }) => ratio > atMost)
progress(missed.length === 0 ? 'all goals are met' : `goals that are not met:\n${goalTable(missed)}`)
