// Runs the contract suite under other versions of Node, Kysely, better-sqlite3 and PostgreSQL, and prints a table of what ran.
//
//   npm run test:matrix                                        every combination, every contract
//   npm run test:matrix -- --quick                             the newest of everything, some contracts
//   npm run test:matrix -- --node 24 --kysely 0.29             some versions; each may be given more than once
//   npm run test:matrix -- --node 22 test/contract/hosts/session     some files

import { parseArgs } from 'node:util'
import { type Cell, type CellResult, runCell } from './cells.js'
import { startPostgres } from '../../support/start-postgres.js'
import { findPostgres } from './find-postgres.js'

const NODES = ['20', '22', '24', '26']
const KYSELYS = ['0.28', '0.29']
// 18 is embedded; the other is used where it is installed.
const POSTGRESES = ['15', '18']

const QUICK_FILES = [
  'hosts/session',
  'hosts/migrations',
  'hosts/storage',
  'hosts/transactions',
  'claim-runs-in-work-queue',
  'claim-scheduled-flow-runs',
  'get-scheduled-flow-runs.test',
  'create-work-queue',
].map((name) => `test/contract/${name}`)

const several = { type: 'string', multiple: true } as const
const { values, positionals } = parseArgs({
  options: { node: several, kysely: several, postgres: several, quick: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const {
  node: nodes = values.quick ? ['24', '26'] : NODES,
  kysely: kyselys = values.quick ? ['0.29'] : KYSELYS,
  postgres: postgreses = values.quick ? ['18'] : POSTGRESES,
} = values
const chosen = values.quick ? QUICK_FILES : ['test/contract']
const files = positionals.length > 0 ? positionals : chosen

const rows: Record<string, string | number>[] = []
for (const postgres of postgreses) {
  const bin = postgres === '18' ? undefined : findPostgres(postgres)
  if (postgres !== '18' && bin === undefined) {
    console.log(`PostgreSQL ${postgres} is not installed here: left out.`)
    continue
  }
  await using server = bin === undefined ? undefined : await startPostgres({ bin })
  for (const node of nodes) {
    for (const kysely of kyselys) await report({ node, kysely, postgres }, server?.url)
  }
}

console.log(`\nTests: ${files.join(' ')}`)
console.table(rows)
const failed = rows.reduce((sum, row) => sum + Number(row['failed']), 0)
process.exitCode = rows.length > 0 && failed === 0 ? 0 : 1

async function report(cell: Cell, databaseUrl: string | undefined): Promise<void> {
  const result: CellResult = await runCell(cell, files, { databaseUrl })
  const { passed, skipped, seconds, failures, versions } = result
  const row = {
    Node: versions.node,
    Kysely: versions.kysely,
    'better-sqlite3': versions.sqlite,
    PostgreSQL: cell.postgres,
    passed,
    failed: result.failed,
    skipped,
    seconds: Math.round(seconds),
  }
  rows.push(row)
  console.log(JSON.stringify(row))
  for (const failure of failures.slice(0, 20)) console.log(`  failed: ${failure}`)
}
