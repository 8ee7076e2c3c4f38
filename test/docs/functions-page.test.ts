import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as library from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { root } from '../support/shell.js'

test('the page of functions has all of them, and every error', async () => {
  const page = await readFile(join(root, 'docs/functions.md'), 'utf8')
  const names = Object.entries(library).flatMap(([name, value]) => (typeof value === 'function' ? [name] : []))
  expect(names.length).toBeGreaterThan(70)
  expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(page))).toEqual([])
})
