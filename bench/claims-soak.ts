import { eventLog } from 'kysely-work-queues/migrations'
import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { openPostgres, openSqlite, type SoakedDatabase } from './claims/soak-database.js'
import { mix, type MixResult } from '../test/concurrency/mix/mix.js'
import { starve } from '../test/concurrency/starvation/starve.js'
import type { IsolationLevel } from '../test/concurrency/processes/claimers.js'
import { soak, type SoakResult } from '../test/concurrency/processes/soak.js'
import { startPostgres } from '../test/support/start-postgres.js'

// The long version of test/concurrency/processes.test.ts and test/concurrency/mix.test.ts. As a whole it writes bench/CLAIMS.md;
// with `--runs 2000`, `--seconds 10`, or `--only sqlite` (a level, `mix`, `starvation`) it only prints, unless `--write` is given too.

const RUNS = 20_000
const SECONDS = 60
const CLAIMERS = 4
const SEED = 20_261_124
const LEVELS: readonly IsolationLevel[] = ['read committed', 'repeatable read', 'serializable']

const runs = Number(option('--runs') ?? RUNS)
const seconds = Number(option('--seconds') ?? SECONDS)
const only = option('--only')
const isWhole = runs >= RUNS && seconds >= SECONDS && only === undefined
const command = ['npm run soak', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' ')

const started = new Date()
const load = loadavg()[0] ?? 0
const claimRows: string[] = []
const mixRows: string[] = []
const waitRows: string[] = []
const versions: string[] = []
const failures: string[] = []

const server = await startPostgres()
// All at once: most of the time a claimer waits for its turn, and so do its processors.
const cases = [undefined, ...LEVELS].filter((isolation) => only === undefined || only === (isolation ?? 'sqlite'))
await Promise.all(
  cases.map(async (isolation, n) => {
    await using database = await (isolation === undefined ? openSqlite() : openPostgres(server.url))
    const name = isolation === undefined ? 'SQLite, file in WAL mode' : `PostgreSQL, ${isolation}`
    const result = await runSoak(database, isolation, name)
    versions[n] = database.version
    claimRows[n] = claimRow(name, result)
    console.error(claimRow(name, result))
    if (!isKept(result)) failures.push(`${name}: ${JSON.stringify(result)}`)
  }),
)
for (const isolation of LEVELS) {
  if (only !== undefined && only !== 'mix') continue
  await using database = await openPostgres(server.url)
  for (const { up } of Object.values(eventLog)) await up(database.db)
  console.error(`${new Date().toISOString()} the mix at ${isolation}`)
  const result = await mix({ url: database.url, db: database.db, isolation, sessions: 8, seconds, seed: SEED })
  mixRows.push(mixRow(isolation, result))
  if (!isClean(result)) failures.push(`the mix at ${isolation}: ${JSON.stringify(result)}`)
}
for (const claimers of [16, 32, 48]) {
  if (only !== undefined && only !== 'starvation') continue
  await using database = await openPostgres(server.url)
  const { waits, claims, errors } = await starve({ url: database.url, claimers, seconds: Math.min(seconds, 15) })
  for (const [call, { count, median, worst }] of Object.entries(waits)) {
    waitRows.push(row([claimers, claims, call, count, Math.round(median), Math.round(worst)]))
  }
  if (errors.length > 0) failures.push(`starvation by ${claimers} claimers: ${errors.slice(0, 3).join('; ')}`)
}

await server.stop()

const markdown = await report()
console.log(markdown)
for (const failure of failures) console.error(failure)
if (isWhole || process.argv.includes('--write'))
  writeFileSync(fileURLToPath(new URL('CLAIMS.md', import.meta.url)), markdown)
process.exitCode = failures.length === 0 ? 0 : 1

async function runSoak(
  { url, db, observer }: SoakedDatabase,
  isolation: IsolationLevel | undefined,
  name: string,
): Promise<SoakResult> {
  let told = 0
  return await soak({
    url,
    db,
    observer,
    isolation,
    runs,
    claimers: CLAIMERS,
    kills: Math.ceil(runs / 1000),
    freezes: Math.ceil(runs / 1000),
    seed: SEED,
    leaseSeconds: 2,
    onProgress: (ended) => {
      if (ended - told < runs / 10) return
      told = ended
      console.error(`${new Date().toISOString()} ${name}: ${ended} of ${runs} runs have ended`)
    },
  })
}

function isKept(result: SoakResult): boolean {
  const { overshoots, claimedTwice, lost, held, afterTheEnd, lateWrites, deadlocks, errors } = result
  const faults = overshoots + claimedTwice + lost + held + afterTheEnd + lateWrites + deadlocks + errors.length
  return result.claims >= runs && faults === 0
}

function isClean({ deadlocks, errors, wrong }: MixResult): boolean {
  return deadlocks.length + errors.length + wrong.length === 0
}

function claimRow(name: string, result: SoakResult): string {
  return row([
    name,
    result.claims,
    result.overshoots,
    result.claimedTwice,
    result.lost,
    result.held,
    result.afterTheEnd,
    `${result.lateWrites} of ${result.lateWrites + result.refused}`,
    most(result.recorded),
    most(result.observed),
    result.looks,
    `${result.kills} / ${result.freezes}`,
    `${result.released} / ${result.crashed}`,
    result.conflicts,
    result.deadlocks,
    `${Math.round(result.seconds)} s`,
  ])
}

function most(active: Record<string, number>): string {
  return ['pool', 'three', 'five'].map((limit) => active[limit]).join(' / ')
}

function mixRow(isolation: IsolationLevel, { done, refused, conflicts, deadlocks, errors, wrong }: MixResult): string {
  const calls = Object.values(done).reduce((sum, count) => sum + count, 0)
  return row([isolation, `${seconds} s`, calls, refused, conflicts, deadlocks.length, errors.length, wrong.length])
}

function row(cells: readonly (string | number)[]): string {
  return `| ${cells.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en-US') : cell)).join(' | ')} |`
}

async function report(): Promise<string> {
  const [cpu] = cpus()
  const text = `# Claims under concurrency

Made by \`${command}\` on ${started.toISOString().slice(0, 10)}, in ${Math.round((Date.now() - started.getTime()) / 60_000)} minutes: ${cpu?.model.trim()},
${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GB, ${process.platform} ${release()}, load ${load.toFixed(1)} when it began; Node ${process.version}, ${[...new Set(versions)].join(', ')}
(\`fsync\` off, autovacuum on).

## Claimers in processes of their own

Four claimers claim, start and end ${runs.toLocaleString('en-US')} runs of a pool of limit 7 with queues of the limits 3 and 5 and one without, and of a pool
without limits; on all four databases at the same time. One after the other kills itself with SIGKILL at a random statement and is replaced;
others are frozen (SIGSTOP), go on when their leases have expired (SIGCONT), and write on. They claim with leases of 2 seconds; what expires is
given back or ended by \`releaseExpiredLeases\`. The most active runs are told twice, under the limits 7 / 3 / 5: by the history of
all states, and by an observer that counts the active runs over and over.

| database | claims | overshoots | claimed twice | lost | slots held in the end | ended runs changed | late writes let in | most active, by the history | most active, as observed | looks | killed / frozen | given back / ended | conflicts, tried again | deadlocks | time |
| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |
${claimRows.join('\n')}

## The mix of all functions

Eight PostgreSQL sessions make calls of every function about the same few rows, half of them in a transaction of the host's. Refused are
calls that end in an error of the library's own: what they were about was gone, or a name was taken. Impossible rows are equal priorities or
names, pools without their default queue, and runs whose state or queue is not there.

| isolation level | time | calls | refused | conflicts, tried again | deadlocks | unexpected errors | impossible rows |
| --- | --: | --: | --: | --: | --: | --: | --: |
${mixRows.join('\n')}

## Who waits for claims without limits

So many claimers, all in this process, claim from one queue without limits one claim after the other. Beside them one session makes each call
in turn. What a look takes, one statement that waits for no lock, is what a statement takes on a machine so busy: a pause has five, a
limit eight.

| claimers | claims | call | times | median, ms | worst, ms |
| --: | --: | --- | --: | --: | --: |
${waitRows.join('\n')}
`
  const file = fileURLToPath(import.meta.url)
  return await format(text, { ...(await resolveConfig(file)), parser: 'markdown' })
}

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name)
  return at < 0 ? undefined : process.argv[at + 1]
}
