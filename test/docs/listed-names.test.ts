import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as library from 'kysely-work-queues'
import { eventLog, leases, migrations } from 'kysely-work-queues/migrations'
import { expect, test } from 'vitest'
import { root } from '../support/shell.js'

test('the page of functions has all of them, and every error', async () => {
  const page = await readFile(join(root, 'docs/functions.md'), 'utf8')
  const names = Object.entries(library).flatMap(([name, value]) => (typeof value === 'function' ? [name] : []))
  expect(names.length).toBeGreaterThan(70)
  expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(page))).toEqual([])
})

test('the page of tables has the keys of all migrations, in their order, and where each is', async () => {
  const page = await readFile(join(root, 'docs/your-tables.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `(\d{4}-\d\d-\d\d_\w+)`.*\| (.*?) *\|$/gm)].map(([, key, records]) => [
    key,
    records,
  ])
  const all = { migrations, eventLog, leases }
  const keys = [...new Set(Object.values(all).flatMap((record) => Object.keys(record)))].toSorted()
  const recordsOf = (key: string): string[] =>
    Object.entries(all).flatMap(([name, record]) => (key in record ? [`\`${name}\``] : []))
  expect(rows).toEqual(keys.map((key) => [key, recordsOf(key).join(', ')]))
})
