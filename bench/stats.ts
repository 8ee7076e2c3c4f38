import { cpus, totalmem } from 'node:os'
import { formatISO } from 'date-fns'
import { measureStats } from './sections/figures.js'
import { startPostgres, startSqlite } from './support/bench-databases.js'
import { progress } from './support/measure.js'
import { goalTable, writeSections } from './support/report.js'
import { storage } from './support/storage.js'

// npm run bench:stats [-- LARGEST]: the figures of a thousand queues, at 100 due runs in each, and at LARGEST.
const largest = Number(process.argv[2] ?? 1000)
if (!Number.isInteger(largest) || largest <= 100) throw new Error('the size is a number of runs a queue, above 100')

await using sqlite = startSqlite()
await using postgres = await startPostgres()
const measured = []
for (const server of [sqlite, postgres]) measured.push({ server, ...(await measureStats(server, [100, largest])) })
const goals = measured.flatMap((each) => each.goals)
const missed = goals.filter(({ ratio, atMost }) => ratio > atMost)

await writeSections(new URL('RESULTS.md', import.meta.url), {
  stats: `## Figures of a thousand queues

${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB; Node ${process.versions.node};
${measured.map(({ server, version }) => `${server.name} ${version}`).join(', ')}, ${storage}; ${formatISO(new Date(), { representation: 'date' })}, by \`npm run bench:stats -- ${largest}\`.

Ten pools of a hundred queues, every other queue with a limit of 50, each with one active run. Counts end at the cap, so that a backlog
beyond it costs nothing; by hand, all of it is counted.

${missed.length === 0 ? 'All goals' : `${goals.length - missed.length} of ${goals.length} goals`} are met.

${goalTable(goals)}

${measured.map(({ server, text }) => `### ${server.name}, figures\n\n${text}`).join('\n\n')}`,
})
progress(missed.length === 0 ? 'all goals are met' : `goals that are not met:\n${goalTable(missed)}`)
