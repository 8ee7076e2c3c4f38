// Runs the contract suite with other drivers than better-sqlite3 and pg, under the newest Node and Kysely, and prints a table.
//
//   npm run test:drivers                                  every driver, every contract
//   npm run test:drivers -- libsql --files test/contract/session

import { parseArgs } from 'node:util'
import { runCell } from '../matrix/cells.js'
import { findPostgres, startPostgres } from '../matrix/postgres.js'
import { findPgBouncer, startPgBouncer } from './pgbouncer.js'

const DRIVERS: Record<string, readonly string[]> = {
  'node-sqlite': [],
  libsql: ['@libsql/kysely-libsql'],
  'postgres-js': ['kysely-postgres-js', 'postgres'],
  pglite: ['@electric-sql/pglite'],
  pgbouncer: [],
}
const NODE = '24'
const KYSELY = '0.29'

const { values, positionals } = parseArgs({
  options: { files: { type: 'string', multiple: true, default: ['test/contract'] } },
  allowPositionals: true,
})
const packages = Object.values(DRIVERS).flat()

const rows: Record<string, string | number>[] = []
for (const driver of positionals.length > 0 ? positionals : Object.keys(DRIVERS)) {
  if (!(driver in DRIVERS)) throw new Error(`No driver ${driver}: there are ${Object.keys(DRIVERS).join(', ')}.`)
  await (driver === 'pgbouncer' ? reportPgBouncer() : report(driver, '18'))
}
console.log(`\nTests: ${values.files.join(' ')}`)
console.table(rows)
process.exitCode = rows.every(({ failed }) => failed === 0) ? 0 : 1

async function reportPgBouncer(): Promise<void> {
  const postgres = ['18', '17', '16', '15'].find((major) => findPostgres(major) !== undefined)
  const bin = postgres === undefined ? undefined : findPostgres(postgres)
  const bouncer = findPgBouncer()
  if (postgres === undefined || bin === undefined || bouncer === undefined) {
    console.log('PgBouncer or PostgreSQL is not installed here: left out.')
    return
  }
  await using server = await startPostgres(bin)
  await using pgBouncer = await startPgBouncer(bouncer, server.url)
  await report('pgbouncer', postgres, server.url, { PGBOUNCER_PORT: String(pgBouncer.port) })
}

async function report(driver: string, postgres: string, databaseUrl?: string, env = {}): Promise<void> {
  const cell = { node: NODE, kysely: KYSELY, postgres }
  const options = { databaseUrl, packages, env: { ...env, DRIVERS: driver } }
  const { passed, failed, skipped, failures, versions, seconds } = await runCell(cell, values.files, options)
  rows.push({
    driver,
    Node: versions.node,
    Kysely: versions.kysely,
    passed,
    failed,
    skipped,
    seconds: Math.round(seconds),
  })
  console.log(JSON.stringify(rows.at(-1)))
  for (const failure of failures.slice(0, 40)) console.log(`  failed: ${failure}`)
}
