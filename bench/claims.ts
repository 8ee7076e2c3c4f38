import { cpus, totalmem } from 'node:os'
import { formatISO } from 'date-fns'
import { measureClaims } from './sections/claims-on-postgres.js'
import { measureClaimsOnSqlite } from './sections/claims-on-sqlite.js'
import { measureThroughputs } from './sections/throughput.js'
import { startPostgres } from './support/bench-databases.js'
import { progress } from './support/measure.js'
import { goalTable, writeSections } from './support/report.js'
import { storage } from './support/storage.js'

// npm run bench:claims: claims, polls and state changes on PostgreSQL, beside graphile-worker and pg-boss, plain and prepared, near and far;
// and claims on SQLite, beside the same by hand.

await using server = await startPostgres()
const claims = await measureClaims(server)
const onSqlite = await measureClaimsOnSqlite()
const throughput = await measureThroughputs(server)
const goals = [...claims.goals, ...onSqlite.goals, ...throughput.goals]
const missed = goals.filter(({ ratio, atMost }) => ratio > atMost)

await writeSections(new URL('RESULTS.md', import.meta.url), {
  peers: `## Claims beside other queues

${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB; Node ${process.versions.node}; one PostgreSQL server,
${storage}, each in databases of its own, 40,000 runs or jobs waiting, 120,000 in the second part; ${formatISO(new Date(), { representation: 'date' })}, by
\`npm run bench:claims\`. Ten are taken at a time; in the second part each batch is ended at once, before the next is taken.

${missed.length === 0 ? 'All goals' : `${goals.length - missed.length} of ${goals.length} goals`} are met.

${goalTable(goals)}

${claims.text}

${onSqlite.text}

${throughput.text}

What each does, and does not:

- A claim of this library keeps the limits of queue and pool exactly, obeys pauses and priorities, writes a row of state history for
  each run, and returns the whole run (27 columns) in a total order. Ending a run writes history too.
- By hand on SQLite, the same statements are prepared once, and nothing is checked or made of the rows. Kysely's driver prepares each
  statement anew.
- graphile-worker's fetch is one statement, prepared by default; the goals are about the one that is not, as a claim of this library is
  sent by default. It takes available jobs by priority and time, locks them in the worker's name and returns the rows. Ending a job deletes it. Named queues run one job at a time; there are no other limits, pools, pauses or history.
- pg-boss takes the ready jobs of a queue by one statement, marks them active and returns a few columns; it runs in a process of its own here.`,
})
progress(missed.length === 0 ? 'all goals are met' : `goals that are not met:\n${goalTable(missed)}`)
