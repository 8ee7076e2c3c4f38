// Runs the contract suite with other drivers than better-sqlite3 and pg, under the newest Node and Kysely, and prints a table.
//
//   npm run test:drivers                                  every driver, every contract
//   npm run test:drivers -- libsql --files test/contract/session

import { parseArgs } from 'node:util'
import { runCell } from '../matrix/cells.js'
import { startPostgres } from '../../support/start-postgres.js'
import { findPostgres } from '../matrix/find-postgres.js'
import { findPgBouncer, startPgBouncer, versionOf } from './pgbouncer.js'

interface Driver {
  readonly packages: readonly string[]
  /** Tests that the driver has no way to pass, by a part of their names, and why. */
  readonly leftOut?: Readonly<Record<string, string>>
}

const DRIVERS: Record<string, Driver> = {
  'node-sqlite': { packages: [] },
  libsql: {
    packages: ['@libsql/kysely-libsql'],
    leftOut: {
      'with its savepoints': 'the dialect has none',
      'the transactions of': 'its begin and commit are no statements, which the tests count',
    },
  },
  'postgres-js': { packages: ['kysely-postgres-js', 'postgres'] },
  pglite: { packages: ['@electric-sql/pglite'] },
  pgbouncer: { packages: [] },
  'pgbouncer-prepared': { packages: [] },
}
const NODE = '24'
const KYSELY = '0.29'

const { values, positionals } = parseArgs({
  options: { files: { type: 'string', multiple: true, default: ['test/contract'] } },
  allowPositionals: true,
})
const packages = Object.values(DRIVERS).flatMap((driver) => driver.packages)

const rows: Record<string, string | number>[] = []
for (const driver of positionals.length > 0 ? positionals : Object.keys(DRIVERS)) {
  if (DRIVERS[driver] === undefined)
    throw new Error(`No driver ${driver}: there are ${Object.keys(DRIVERS).join(', ')}.`)
  await (driver.startsWith('pgbouncer') ? reportPgBouncer(driver) : report(driver, '18'))
}
console.log(`\nTests: ${values.files.join(' ')}`)
console.table(rows)
process.exitCode = rows.every(({ failed }) => failed === 0) ? 0 : 1

async function reportPgBouncer(driver: string): Promise<void> {
  const postgres = ['18', '17', '16', '15'].find((major) => findPostgres(major) !== undefined)
  const bin = postgres === undefined ? undefined : findPostgres(postgres)
  const bouncer = findPgBouncer()
  if (postgres === undefined || bin === undefined || bouncer === undefined) {
    console.log('PgBouncer or PostgreSQL is not installed here: left out.')
    return
  }
  const version = versionOf(bouncer)
  if (driver === 'pgbouncer-prepared' && version.minor < 21) {
    console.log(`PgBouncer ${version.text} passes no names of statements on: ${driver} is left out.`)
    return
  }
  console.log(`PgBouncer ${version.text}`)
  await using server = await startPostgres({ bin })
  await using pgBouncer = await startPgBouncer(bouncer, server.url)
  await report(driver, postgres, server.url, { PGBOUNCER_PORT: String(pgBouncer.port) })
}

async function report(driver: string, postgres: string, databaseUrl?: string, env = {}): Promise<void> {
  const cell = { node: NODE, kysely: KYSELY, postgres }
  const options = { databaseUrl, packages, env: { ...env, DRIVERS: driver } }
  const leftOut = DRIVERS[driver]?.leftOut ?? {}
  const others = Object.keys(leftOut).length > 0 ? ['-t', `^(?!.*(${Object.keys(leftOut).join('|')}))`] : []
  const { passed, failed, failures, versions, seconds, ...result } = await runCell(
    cell,
    [...values.files, ...others],
    options,
  )
  rows.push({
    driver,
    Node: versions.node,
    Kysely: versions.kysely,
    passed,
    failed,
    'left out': result.skipped,
    seconds: Math.round(seconds),
  })
  console.log(JSON.stringify(rows.at(-1)))
  for (const [tests, why] of Object.entries(leftOut)) console.log(`  left out: ${tests} (${why})`)
  for (const failure of failures.slice(0, 40)) console.log(`  failed: ${failure}`)
}
