import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../src', import.meta.url))
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))

/** What each source file imports: other source files by their path, packages by their name. */
const imports = new Map(files.map((file) => [file, importsOf(file)] as const))

/** Each layer: the files it holds, and all that they may import besides each other. */
const layers = [
  { name: 'rules', holds: /^rules\//, mayImport: /^date-fns\/\w+$/ },
  { name: 'errors', holds: /^errors\.ts$/, mayImport: /^rules\// },
  { name: 'model', holds: /^model\//, mayImport: /^(rules\/|errors\.ts$|(kysely|zod|uuid)$)/ },
  { name: 'session', holds: /^session\.ts$/, mayImport: /^(model\/|errors\.ts$|kysely$)/ },
  { name: 'sql', holds: /^sql\//, mayImport: /^(rules\/|model\/|errors\.ts$|session\.ts$|kysely$)/ },
  { name: 'locks', holds: /^locks\.ts$/, mayImport: /^(model\/|sql\/|session\.ts$|kysely$)/ },
  {
    name: 'operations',
    holds: /^(claims|explain|flow-runs|polls|slots|upkeep|work-pools|work-queues|workers)\//,
    mayImport: /^(rules\/|model\/|sql\/|errors\.ts$|locks\.ts$|session\.ts$|(kysely|zod|date-fns\/\w+)$)/,
  },
  { name: 'the rules as an entry point', holds: /^rules\.ts$/, mayImport: /^rules\// },
  { name: 'entry points', holds: /^(index|migrations|postgres)\.ts$/, mayImport: /^((?!testing\/).+\.ts|uuid)$/ },
  {
    name: 'test kit',
    holds: /^testing\//,
    mayImport: /^((?!index\.ts$).+\.ts|(better-sqlite3|date-fns(\/\w+)?|kysely|zod)$)/,
  },
]

describe('the layers of the source', () => {
  test.each(layers.map((layer) => [layer.name, layer] as const))('%s import only what is below them', (_, layer) => {
    const { holds, mayImport } = layer
    for (const [file, from] of imports) {
      if (!holds.test(file)) continue
      for (const path of from) if (!holds.test(path)) expect(path, file).toMatch(mayImport)
    }
  })

  test('each file is in one of them', () => {
    for (const file of files) {
      const holders = layers.filter(({ holds }) => holds.test(file))
      expect(holders, file).toHaveLength(1)
    }
  })

  test('nothing but the test kit imports a driver or Node', () => {
    for (const [file, from] of imports) {
      if (file.startsWith('testing/')) continue
      for (const path of from) expect(path, file).not.toMatch(/^(better-sqlite3|pg)$|^node:/)
    }
  })

  test('the main entry point only exports', () => {
    expect(
      codeOf('index.ts')
        .replace(/^export (type )?\{[^}]*\} from '[^']+'$/gm, '')
        .trim(),
    ).toBe('')
  })

  test('no file imports itself by way of others', () => {
    expect(files.map((file) => wayBackTo(file)).filter((way) => way !== undefined)).toEqual([])
  })

  test('the imports are those that the files name', () => {
    expect(imports.get('rules/evaluate-health.ts')).toEqual(['rules/is-last-polled-recent.ts'])
    for (const [file, from] of imports) {
      expect(from, file).toHaveLength(codeOf(file).match(/\bfrom '|^import '|\bimport\(/gm)?.length ?? 0)
      for (const path of from) if (path.includes('/') && !path.startsWith('date-fns/')) expect(files).toContain(path)
    }
  })
})

test('the paths of a claim in CONTRIBUTING have at most nine files, each used by one above it and using none of these', () => {
  const [onPostgres = [], onSqlite = [], overPools = []] = pathsOfClaims()
  const paths = [onPostgres, [...onPostgres.slice(0, 1), ...onSqlite], overPools]
  for (const path of paths) {
    expect(path.length).toBeGreaterThan(7)
    expect(path.length).toBeLessThanOrEqual(9)
    for (const [place, file] of path.entries()) {
      const above = path.slice(0, place)
      expect(files).toContain(file)
      if (place > 0)
        expect(
          above.some((user) => imports.get(user)?.includes(file)),
          file,
        ).toBe(true)
      for (const user of above) expect(imports.get(file), file).not.toContain(user)
    }
  }
})

/** The source files in each numbered list of that section. */
function pathsOfClaims(): string[][] {
  const page = readFileSync(join(root, '..', 'CONTRIBUTING.md'), 'utf8')
  const section = page.slice(page.indexOf('## The path of a claim'), page.indexOf('## Names and statements'))
  const lists = section.match(/(?:^\d\. .*\n)+/gm) ?? []
  return lists.map((list) => [...list.matchAll(/`src\/([^`]+\.ts)`/g)].map(([, file = '']) => file))
}

/** What a file imports or exports from elsewhere, statically or not, as a type or a value. */
function importsOf(file: string): string[] {
  const statements = codeOf(file).matchAll(/^[^'"`\n]*\bfrom '([^']+)'$|^import '([^']+)'$|\bimport\('([^']+)'\)/gm)
  return [...statements].map(([, ...paths]) => {
    const from = paths.join('')
    return from.startsWith('.') ? relative(root, join(root, dirname(file), from)).replace(/\.js$/, '.ts') : from
  })
}

/** A file without its comments, which may hold examples with imports of their own. */
function codeOf(file: string): string {
  return readFileSync(join(root, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|^ *\/\/.*$/gm, '')
}

/** The shortest way from a file over its imports back to it, if there is one. */
function wayBackTo(file: string): string | undefined {
  const ways = new Map<string, string>((imports.get(file) ?? []).map((from) => [from, `${file} > ${from}`]))
  for (const [path, way] of ways) {
    for (const from of imports.get(path) ?? []) if (!ways.has(from)) ways.set(from, `${way} > ${from}`)
  }
  return ways.get(file)
}
