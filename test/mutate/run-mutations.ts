import { cp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { emptyFolder, root, run } from '../support/shell.js'
import { startPostgres } from '../support/start-postgres.js'
import { mutations } from '../mutations.js'
import type { Mutation } from './mutation.js'

// Proves that the tests see what they say they see: makes each change of test/mutations.ts in a copy of the sources, and expects the
// test that it names to fail.
//
//   npm run mutate                         all of them
//   npm run mutate -- --seconds 120        as many as fit in that time
//   npm run mutate -- open-slots           those whose file or test has this in its name

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: 'Infinity' } },
  allowPositionals: true,
})
/** How often a test is run that does not see its change. */
const MOST_ATTEMPTS = 3

const until = Date.now() + Number(values.seconds) * 1000

interface Outcome {
  readonly mutation: Mutation
  /** Why it proves nothing; `undefined` when the test failed as it should. */
  readonly problem: string | undefined
}

const chosen = mutations.filter(
  ({ file, fails }) => positionals.length === 0 || positionals.some((part) => `${file} ${fails}`.includes(part)),
)
const waiting = [...chosen]
const outcomes: Outcome[] = []
const server = await startPostgres()
try {
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism() - 1) }, work))
} finally {
  await server.stop()
}

const unproven = outcomes.filter(({ problem }) => problem !== undefined)
for (const { mutation, problem } of unproven) {
  console.log(`\n${mutation.file}: ${mutation.find}\n  -> ${mutation.replace}\n  ${problem}`)
}
const left = waiting.length === 0 ? '' : `, ${waiting.length} left out for want of time`
console.log(`\n${outcomes.length - unproven.length} of ${outcomes.length} changes were seen by their tests${left}.`)
process.exitCode = unproven.length === 0 && outcomes.length > 0 ? 0 : 1

/** Takes one change after the other, in a copy of its own. */
async function work(): Promise<void> {
  await using folder = await emptyFolder()
  for (const name of ['src', 'test', 'examples', 'package.json', 'tsconfig.json', 'vitest.config.ts']) {
    await cp(join(root, name), join(folder.path, name), { recursive: true })
  }
  await symlink(join(root, 'node_modules'), join(folder.path, 'node_modules'))
  while (Date.now() < until) {
    const mutation = waiting.shift()
    if (mutation === undefined) return
    const start = Date.now()
    const problem = await prove(folder.path, mutation)
    outcomes.push({ mutation, problem })
    const seconds = ((Date.now() - start) / 1000).toFixed(1)
    console.log(`${problem === undefined ? 'seen    ' : 'NOT SEEN'} ${seconds} s  ${mutation.file}: ${mutation.fails}`)
  }
}

/** Makes the change, runs the test, and takes the change back. */
async function prove(folder: string, { file, find, replace, fails }: Mutation): Promise<string | undefined> {
  const path = join(folder, file)
  const source = await readFile(path, 'utf8')
  const places = source.split(find).length - 1
  if (places !== 1) return `the text stands in ${places} places of the file instead of one`
  await writeFile(
    path,
    source.replace(find, () => replace),
  )
  try {
    let problem: string | undefined
    // A property that looks at random cases may miss the one that matters, seldom.
    for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
      problem = await whyNotFailed(folder, fails)
      if (problem === undefined) break
    }
    return problem
  } finally {
    await writeFile(path, source)
  }
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

async function whyNotFailed(folder: string, fails: string): Promise<string | undefined> {
  const [file = '', ...parts] = fails.split(' > ')
  const results = join(folder, 'coverage', 'results.json')
  const pattern = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')
  await rm(results, { force: true })
  // A change that makes a call wait for ever is seen by a time that runs out.
  const options = ['-t', pattern, '--testTimeout', '10000', '--hookTimeout', '5000']
  const { output } = await run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', file, ...options], {
    cwd: folder,
    // One kind of session a database is enough.
    env: { DATABASE_URL: server.url, QUICK: '1' },
  })
  const report = JSON.parse(await readFile(results, 'utf8').catch(() => '{"testResults":[]}')) as Report
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults)
  const ran = tests.filter(({ status }) => status === 'passed' || status === 'failed')
  if (ran.length === 0) return `no test ran:\n${output.slice(-2000)}`
  return ran.some(({ status }) => status === 'failed') ? undefined : `all ${ran.length} tests of that name passed`
}
