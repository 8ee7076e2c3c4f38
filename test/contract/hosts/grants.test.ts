import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Kysely } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, withEventLog } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import type { Factory } from '../../support/factory.js'
import { root } from '../../support/shell.js'
import { grantedCalls, makeGrantedWorld, nameOf } from './granted-calls.js'
import { createRole, type Grant, TABLES } from './role.js'

// The table of docs/production.md says which grants each function needs. It is tried with a role that has exactly these, and
// with each of them taken away.

const documented = readDocumentedGrants()
const functions = [...new Set(Object.keys(grantedCalls).map(nameOf))]

test('every function of a session is in the table of grants, and no other', () => {
  const polls = ['getRunsInWorkQueue in a transaction', 'getScheduledFlowRuns in a transaction']
  expect([...documented.keys()].toSorted()).toEqual([...sessionFunctions(), ...polls].toSorted())
  expect(functions.toSorted()).toEqual([...documented.keys()].toSorted())
})

describeOnDatabases(
  'a role with the documented grants',
  (t) => {
    test.each(functions)('runs %s, and without any one of them does not', { timeout: 120_000 }, async (name) => {
      const grants = documented.get(name) ?? []
      const calls = Object.entries(grantedCalls).filter(([call]) => nameOf(call) === name)
      await using role = await createRole(t.database.plain)
      for (const [call, perform] of calls) {
        await resetRows(t.database.plain, t.make)
        await role.grant(grants)
        expect(await refusalOf(role.as(perform)), call).toBeUndefined()
      }
      for (const taken of grants) {
        await role.grant(grants.filter((grant) => grant !== taken))
        let isRefused = false
        for (const [, perform] of calls) {
          await resetRows(t.database.plain, t.make)
          isRefused ||= (await refusalOf(role.as(perform))) === '42501'
        }
        expect(isRefused, `refused without ${taken.privilege} on ${taken.table}`).toBe(true)
      }
    })
  },
  [withEventLog(postgres)],
)

/** The rows that the calls are about, as they were. */
async function resetRows(db: Kysely<WorkQueueTables>, make: Factory): Promise<void> {
  await db.updateTable('work_pool').set({ default_queue_id: null }).execute()
  // The log last: what happens to the others goes there.
  const [log, ...rest] = TABLES.toReversed()
  for (const table of [...rest, log]) await (db as Kysely<any>).deleteFrom(table ?? '').execute()
  await makeGrantedWorld(make)
}

/** The code of the error that a call ends with, if it does. */
async function refusalOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
}

/** The functions that take a session, as the package's root exports them. */
function sessionFunctions(): string[] {
  const index = readFileSync(join(root, 'src/index.ts'), 'utf8')
  const exports = [...index.matchAll(/^export \{([^}]*)\} from '\.\/([\w-]+)\//gm)]
  return exports
    .filter(([, , folder = '']) => !['model', 'rules'].includes(folder))
    .flatMap(([, names = '']) => names.split(',').map((name) => name.trim()))
    .filter((name) => name !== '' && !name.startsWith('type ') && !name.startsWith('format'))
}

/** The table of docs/production.md: a row names functions, then what they need of each table. */
function readDocumentedGrants(): Map<string, readonly Grant[]> {
  const page = readFileSync(join(root, 'docs/production.md'), 'utf8')
  const section = page.slice(page.indexOf('## Grants'))
  const rows = section.match(/^\| `\w+`.*\|$/gm) ?? []
  return new Map(
    rows.flatMap((row) => {
      const [functionsCell = '', ...cells] = row.split('|').slice(1, -1)
      const grants = TABLES.flatMap((table, n) =>
        [...(cells[n] ?? '').matchAll(/\w+/g)].map(([privilege]) => ({ table, privilege })),
      )
      const names = [...functionsCell.matchAll(/`(\w+)`( in a transaction)?/g)]
      return names.map(([, name = '', suffix = '']) => [name + suffix, grants] as const)
    }),
  )
}
