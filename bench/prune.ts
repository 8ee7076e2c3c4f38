import { cpus, totalmem } from 'node:os'
import { formatISO } from 'date-fns'
import { measurePruning } from './sections/pruning.js'
import { startPostgres, startSqlite } from './support/bench-databases.js'
import { progress } from './support/measure.js'
import { type Goal, goalTable, writeSections } from './support/report.js'
import { storage } from './support/storage.js'

// npm run bench:prune [-- SIZE]: deletes so many ended runs in batches, on both databases. The full size is the default, 1,000,000.

const size = Number(process.argv[2] ?? 1_000_000)
if (!Number.isInteger(size) || size < 100_000) throw new Error('the size is a number of runs, at least 100,000')

const goals: Goal[] = []
const texts: string[] = []
for (const start of [startSqlite, startPostgres]) {
  await using server = await start()
  const measured = await measurePruning(server, size)
  goals.push(...measured.goals)
  texts.push(`### ${server.name}\n\n${measured.text}`)
  console.log(measured.text)
}
await writeSections(new URL('RESULTS.md', import.meta.url), {
  prune: `## Deleting ended runs

${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB; Node ${process.versions.node}; ${storage}; ${formatISO(new Date(), { representation: 'date' })}, by
\`npm run bench:prune -- ${size}\`. \`pruneFlowRuns\` until nothing is left; on PostgreSQL with autovacuum off, so that nothing is tidied up meanwhile.

${goalTable(goals)}

${texts.join('\n\n')}`,
})
const missed = goals.filter(({ ratio, atMost }) => ratio > atMost)
progress(missed.length === 0 ? 'all goals are met' : `goals that are not met:\n${goalTable(missed)}`)
