import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../src', import.meta.url))
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))

/** What each source file imports: other source files by their path, packages by their name. */
const imports = new Map(
  files.map((file) => {
    const source = readFileSync(join(root, file), 'utf8')
    const found = [...source.matchAll(/^(?:import|export)[^'"]*?from '([^']+)'/gm)].map(([, from = '']) => from)
    return [
      file,
      found.map((from) =>
        from.startsWith('.') ? relative(root, join(root, dirname(file), from)).replace(/\.js$/, '.ts') : from,
      ),
    ] as const
  }),
)

test('rules import each other and date-fns, and nothing else', () => {
  for (const [file, from] of imports) {
    if (!file.startsWith('rules/')) continue
    for (const path of from) expect(path, file).toMatch(/^(rules\/|date-fns$)/)
  }
})

test('the schema imports rules, errors and itself', () => {
  for (const [file, from] of imports) {
    if (!file.startsWith('schema/')) continue
    for (const path of from) expect(path, file).toMatch(/^(rules\/|schema\/|errors\.ts$|kysely$|zod$|uuid$)/)
  }
})

test('nothing imports a driver', () => {
  for (const [file, from] of imports) {
    if (!file.startsWith('testing/')) for (const path of from) expect(path, file).not.toMatch(/better-sqlite3|^pg$/)
  }
})

test('no file imports itself by way of others', () => {
  const circles: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path, file].join(' > '))
    else for (const from of imports.get(file) ?? []) if (imports.has(from)) visit(from, [...path, file])
  }
  for (const file of files.filter((name) => !name.includes('/'))) visit(file, [])
  expect(circles).toEqual([])
})
