import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { emptyFolder, install, root, run, runOrThrow } from '../../support/shell.js'

/** One combination of versions. */
export interface Cell {
  readonly node: string
  readonly kysely: string
  readonly postgres: string
}

/** How a cell's tests went. */
export interface CellResult {
  /** The exact versions that ran. */
  readonly versions: { readonly node: string; readonly kysely: string; readonly sqlite: string }
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly seconds: number
  /** The names of the tests that failed, or what stopped the run. */
  readonly failures: readonly string[]
}

// Kept between runs: the installations are the slow part, and versions are written into their names.
const store = join(tmpdir(), 'kysely-work-queues-matrix')

/** better-sqlite3 13 needs Node 22. */
function sqliteDriver(node: string): string {
  return Number(node) < 22 ? '12' : '13'
}

/** What a cell is given besides its versions. */
export interface CellOptions {
  /** A server to use in place of the embedded one. */
  readonly databaseUrl?: string | undefined
  /** More packages, installed beside the cell's Kysely. */
  readonly packages?: readonly string[]
  readonly env?: Record<string, string>
}

/** Runs tests in a copy of the sources beside the cell's versions, under the cell's Node. */
export async function runCell(cell: Cell, files: readonly string[], options: CellOptions = {}): Promise<CellResult> {
  const { databaseUrl = '', packages = [], env = {} } = options
  const started = performance.now()
  const node = await nodeBinary(cell.node)
  // Another run may have a cell of the same versions.
  await using folder = await emptyFolder()
  await copySources(folder.path)
  await linkPackages(folder.path, await variedPackages(cell, packages))

  const vitest = join(folder.path, 'node_modules', 'vitest', 'vitest.mjs')
  const { output } = await run(node, [vitest, 'run', ...files, '--coverage.enabled=false'], {
    cwd: folder.path,
    env: { ...env, DATABASE_URL: databaseUrl, PATH: `${join(node, '..')}:${process.env['PATH'] ?? ''}` },
  })
  const results = await readResults(folder.path, output)
  const versions = {
    node: (await runOrThrow(node, ['--version'])).trim().slice(1),
    kysely: await versionOf(folder.path, 'kysely'),
    sqlite: await versionOf(folder.path, 'better-sqlite3'),
  }
  return { ...results, versions, seconds: (performance.now() - started) / 1000 }
}

async function versionOf(folder: string, name: string): Promise<string> {
  const file = await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8')
  return (JSON.parse(file) as { version: string }).version
}

async function readResults(folder: string, output: string): Promise<Omit<CellResult, 'seconds' | 'versions'>> {
  const file = join(folder, 'coverage', 'results.json')
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0, failures: [output.slice(-2000)] }
  const results = JSON.parse(await readFile(file, 'utf8')) as VitestResults
  // A contract of kinds of database that a driver does not take the place of has no tests; that is no failure.
  const unloaded = results.testResults.filter(
    ({ status, message, assertionResults }) =>
      status === 'failed' && assertionResults.length === 0 && !message.startsWith('No test suite found'),
  )
  const failures = results.testResults.flatMap((suite) =>
    suite.assertionResults.filter((test) => test.status === 'failed').map((test) => test.fullName),
  )
  return {
    passed: results.numPassedTests,
    failed: results.numFailedTests + unloaded.length,
    skipped: results.numPendingTests,
    failures: [...failures, ...unloaded.map((suite) => `${suite.name}: ${suite.message}`)],
  }
}

interface VitestResults {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

async function copySources(folder: string): Promise<void> {
  for (const name of ['src', 'test', 'examples', 'package.json', 'tsconfig.json', 'vitest.config.ts']) {
    await cp(join(root, name), join(folder, name), { recursive: true })
  }
}

/** The cell's own packages, and links to the others: the tests' tools are the same in every cell. */
async function linkPackages(folder: string, varied: string): Promise<void> {
  for (const from of [varied, join(root, 'node_modules')]) {
    for (const name of await readdir(from)) {
      const isScope = name.startsWith('@')
      if (name.startsWith('.')) continue
      const packages = isScope ? (await readdir(join(from, name))).map((inner) => join(name, inner)) : [name]
      if (isScope) await mkdir(join(folder, 'node_modules', name), { recursive: true })
      await mkdir(join(folder, 'node_modules'), { recursive: true })
      for (const path of packages) {
        const link = join(folder, 'node_modules', path)
        if (!existsSync(link)) await symlink(join(from, path), link)
      }
    }
  }
}

async function variedPackages({ node, kysely }: Cell, more: readonly string[]): Promise<string> {
  const driver = sqliteDriver(node)
  const folder = join(store, `packages-kysely-${kysely}-better-sqlite3-${driver}${more.length > 0 ? '-drivers' : ''}`)
  if (!existsSync(join(folder, 'node_modules', 'kysely'))) {
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'package.json'), '{}')
    // Version 12 is compiled for one Node version, and these sources have it for theirs; 13 runs on all.
    const sqlite = driver === '12' ? [] : [`better-sqlite3@${driver}`]
    await install(folder, [`kysely@~${kysely}.0`, ...sqlite, ...more])
  }
  return join(folder, 'node_modules')
}

/** The Node of a major version: the one that runs this, or the one that the package `node` brings. */
async function nodeBinary(major: string): Promise<string> {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath
  const folder = join(store, `node-${major}`)
  const binary = join(folder, 'node_modules', 'node', 'bin', 'node')
  if (!existsSync(binary)) {
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'package.json'), '{}')
    await install(folder, [`node@${major}`], { scripts: true })
  }
  return binary
}
