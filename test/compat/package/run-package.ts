// Checks the package as a host gets it: packed, installed into an empty folder, imported and compiled there.
// Run it with `npm run test:package`.

import { readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { packagesOf, driversLoadedBy, importBothWays, importTimes, testSessionWithoutDriver } from './imports.js'
import { pack } from './pack.js'
import { emptyFolder, install, root, run } from '../../support/shell.js'
import { compile, compilers, resolutions, writeHosts } from './types.js'

// A third of it are the pictures of the dashboard.
const MAX_SIZE = 620_000
const KYSELY_VERSIONS = ['0.28', '0.29']
const PAGES = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'LICENSE']
const PACKED = [
  /^dist\/.+\.(js|d\.ts)$/,
  /^(docs|bench)\/[^/]+\.(md|svg)$/,
  /^docs\/pictures\/[^/]+\.(svg|png)$/,
  /^examples\//,
  /^test\/plans\/sql\/[^/]+\.sql$/,
  /^package\.json$/,
]

let failures = 0
await using folder = await emptyFolder()
const packed = await pack(folder.path)

await check('only what a host needs is packed', async () => {
  const others = packed.files.filter((file) => !PAGES.includes(file) && !PACKED.some((kind) => kind.test(file)))
  if (others.length > 0) return failed(`also packed: ${others.join(', ')}`)
  for (const file of PAGES) {
    if (!packed.files.includes(file)) return failed(`${file} is missing`)
  }
  return `${packed.files.length} files`
})
await check(`the package is smaller than ${MAX_SIZE / 1000} kB`, async () => {
  const size = `${(packed.size / 1000).toFixed(1)} kB`
  return packed.size < MAX_SIZE ? size : failed(size)
})
await check('no file refers to a source map that is not packed', async () => {
  for (const file of packed.files.filter((path) => path.startsWith('dist/'))) {
    const [, map] = /sourceMappingURL=(\S+)/.exec(await readFile(join(root, file), 'utf8')) ?? []
    if (map !== undefined) return failed(`${file}: ${map}`)
  }
  return ''
})
await check('every link of a packed page leads to a packed file', async () => {
  const broken: string[] = []
  for (const page of packed.files.filter((file) => file.endsWith('.md'))) {
    for (const [, target = ''] of (await readFile(join(root, page), 'utf8')).matchAll(/\]\(([^)\s#]+)[^)]*\)/g)) {
      const path = posix.join(posix.dirname(page), target)
      const isThere =
        /^https?:/.test(target) || packed.files.some((file) => file === path || file.startsWith(`${path}/`))
      if (!isThere) broken.push(`${page}: ${target}`)
    }
  }
  return broken.length === 0 ? '' : failed(broken.join(', '))
})
await check('publint --strict', async () => await passes('publint', ['run', packed.tarball, '--strict']))
await check('attw --profile esm-only', async () => await passes('attw', [packed.tarball, '--profile', 'esm-only']))

for (const kysely of KYSELY_VERSIONS) {
  await using host = await emptyFolder()
  await install(host.path, [packed.tarball, `kysely@~${kysely}.0`])
  const withKysely = `with Kysely ${kysely}`

  await check(`every entry point is imported and required, the same values by both, ${withKysely}`, async () => {
    const names = await importBothWays(host.path, packed.entryPoints)
    return Object.values(names)
      .map((exported) => exported.length)
      .join(' + ')
      .concat(' exports')
  })
  await check(`without better-sqlite3 a test session takes node:sqlite, or says so, ${withKysely}`, async () => {
    const { hasNodeSqlite, error } = await testSessionWithoutDriver(host.path)
    const expected = hasNodeSqlite ? 'none' : 'TestDriverMissingError'
    return error === expected ? `Node ${hasNodeSqlite ? 'has' : 'lacks'} node:sqlite, error: ${error}` : failed(error)
  })

  await writeHosts(host.path, kysely)
  for (const { name, tsc } of compilers) {
    await check(`hosts compile under ${name} ${withKysely}`, async () => {
      for (const { moduleResolution } of resolutions) {
        const { exitCode, output } = await compile(host.path, tsc, `good.${moduleResolution}.json`)
        if (exitCode !== 0) return failed(`${moduleResolution}:\n${output}`)
      }
      return resolutions.map(({ moduleResolution }) => moduleResolution).join(', ')
    })
    await check(`a database without the tables is refused by ${name} ${withKysely}`, async () => {
      const { exitCode, output } = await compile(host.path, tsc, 'bad.node16.json')
      const [named] = /\b(work_pool|work_queue|worker|flow_run|flow_run_state)\b/.exec(output) ?? []
      if (exitCode === 0 || !output.includes('without-tables.ts')) return failed('it compiles')
      return named === undefined ? failed(`no table is named:\n${output}`) : `the message names ${named}`
    })
    await check(`the declarations are right by themselves under ${name} ${withKysely}`, async () => {
      const { exitCode, output } = await compile(host.path, tsc, 'declarations.json')
      const ours = output.split('\n').filter((line) => line.includes('kysely-work-queues'))
      return exitCode === 0 || ours.length === 0 ? '' : failed(ours.join('\n'))
    })
  }
  await check(`the rules load nothing but functions of date-fns ${withKysely}`, async () => {
    const packages = await packagesOf(host.path, 'rules.js')
    const others = packages.filter((name) => !name.startsWith('date-fns/'))
    return packages.length > 0 && others.length === 0 ? '' : failed(`rules.js loads ${packages.join(', ')}`)
  })
  // A figure and no check: on one machine it was 104 ms and 152 ms within an hour, most of it zod's own import.
  const times = await importTimes(host.path)
  console.log(
    `        the root is imported in ${ms(times.root)} ${withKysely}, of which zod ${ms(times.zod)}; Kysely itself ${ms(times.kysely)}`,
  )
  // Last, for it puts drivers into the folder.
  await check(`the root and the migrations load no driver ${withKysely}`, async () => {
    for (const entry of packed.entryPoints) {
      const drivers = await driversLoadedBy(host.path, entry)
      if (drivers.length > 0) return failed(`${entry} loads ${drivers.join(', ')}`)
    }
    return ''
  })
}

console.log(failures === 0 ? 'The package is sound.' : `${failures} failed`)
process.exitCode = failures === 0 ? 0 : 1

/** Runs one check, and prints what it found: a detail, or a failure. */
async function check(title: string, find: () => Promise<string | Failure>): Promise<void> {
  const found = await find().catch((error: unknown) => failed(String(error)))
  const isFailure = typeof found !== 'string'
  if (isFailure) failures++
  const detail = isFailure ? found.reason : found
  console.log(`${isFailure ? 'FAILED' : 'ok    '}  ${title}${detail === '' ? '' : `: ${detail}`}`)
}

interface Failure {
  readonly reason: string
}

function failed(reason: string): Failure {
  return { reason }
}

async function passes(command: string, args: readonly string[]): Promise<string | Failure> {
  const { exitCode, output } = await run('npx', ['--no-install', command, ...args])
  return exitCode === 0 ? '' : failed(output)
}

function ms(milliseconds: number): string {
  return `${milliseconds.toFixed(0)} ms`
}
