import { cpus, loadavg, totalmem } from 'node:os'
import { formatISO } from 'date-fns'
import { measureActiveLimits } from './sections/active-limits.js'
import { measureQueuesOfAPool } from './sections/queues-of-a-pool.js'
import { type Server, startPostgres, startSqlite } from './support/bench-databases.js'
import { progress } from './support/measure.js'
import { countText, type Goal, goalTable, writeSections } from './support/report.js'
import { storage } from './support/storage.js'

// npm run bench:limits: what claims and polls cost against the number of active runs under one limit, and against the number of queues
// of a pool, on both databases. `-- 1000` goes no further than that, and only prints.

const FULL = 100_000
const largest = Number(process.argv[2] ?? FULL)
if (!Number.isInteger(largest) || largest < 1_000)
  throw new Error('the size is a number of active runs, at least 1,000')
const upTo = (sizes: readonly number[], most: number): number[] => sizes.filter((size) => size <= most)

const load = loadavg()[0] ?? 0
const goals: Goal[] = []
const versions: string[] = []
const texts: { active: string[]; queues: string[] } = { active: [], queues: [] }
async function measureOn(server: Server): Promise<void> {
  const active = await measureActiveLimits(server, upTo([100, 1_000, 10_000, 100_000], largest))
  const queues = await measureQueuesOfAPool(server, upTo([1, 100, 1_000, 10_000], largest / 10))
  goals.push(...active.goals, ...queues.goals)
  versions.push(`${server.name} ${active.version}`)
  texts.active.push(active.text)
  texts.queues.push(queues.text)
}
{
  await using postgres = await startPostgres()
  await measureOn(postgres)
}
{
  await using sqlite = startSqlite()
  await measureOn(sqlite)
}

const missed = goals.filter(({ ratio, atMost }) => ratio > atMost)
const text = `## Limits and queues

${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, load ${load.toFixed(1)} at the start; Node ${process.versions.node}, ${versions.join(', ')}
(a server of its own on the same machine, autovacuum off; a file in WAL mode; both ${storage}); ${formatISO(new Date(), { representation: 'date' })}, by
\`npm run bench:limits\`. What claims change is put back between them, outside the measured time.

${goalTable(goals)}

### Active runs under one limit

A claim under a limit counts what is active under it, as far as the limit goes. Claims of one limit go one after the other, so that the rate of one claimer
is the most of all claimers together.

${texts.active.join('\n\n')}

### Queues of a pool

Each queue has an active run. Queues come by priority, so that a pool whose last queue alone has runs due is walked through to its end.

${texts.queues.join('\n\n')}`
if (largest === FULL) await writeSections(new URL('RESULTS.md', import.meta.url), { limits: text })
else console.log(text)
progress(
  missed.length === 0
    ? `all goals are met, up to ${countText(largest)} active runs`
    : `goals that are not met:\n${goalTable(missed)}`,
)
