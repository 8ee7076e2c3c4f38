import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../src', import.meta.url))
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))

/** What each source file imports: other source files by their path, packages by their name. */
const imports = new Map(files.map((file) => [file, importsOf(file)] as const))

/** The layers, from the lowest: what files each holds, and which packages they import. Each imports from itself and from those before it. */
const layers: readonly { name: string; holds: RegExp; packages?: RegExp; only?: RegExp }[] = [
  { name: 'rules', holds: /^rules\//, packages: /^date-fns\/\w+$/ },
  { name: 'errors', holds: /^errors\.ts$/ },
  { name: 'model', holds: /^model\//, packages: /^(kysely|zod|uuid)$/ },
  { name: 'session', holds: /^session\.ts$/, packages: /^kysely$/ },
  { name: 'times of a host', holds: /^host-times\.ts$/ },
  { name: 'sql', holds: /^sql\//, packages: /^kysely$/ },
  { name: 'locks', holds: /^locks\.ts$/, packages: /^kysely$/ },
  ...[
    'polls',
    'flow-runs',
    'work-pools',
    'work-queues',
    'workers',
    'slots',
    'leases',
    'claims',
    'stats',
    'upkeep',
    'explain',
    'events',
  ].map((room) => ({
    name: room,
    holds: new RegExp(`^${room}/`),
    packages: /^(kysely|zod|date-fns\/\w+)$/,
  })),
  { name: 'the rules as an entry point', holds: /^rules\.ts$/, only: /^rules\// },
  { name: 'migrations', holds: /^migrations\.ts$/ },
  { name: 'postgres', holds: /^postgres\.ts$/, packages: /^uuid$/ },
  { name: 'sqlite', holds: /^sqlite\.ts$/ },
  { name: 'test kit', holds: /^testing\//, packages: /^(better-sqlite3|date-fns(\/\w+)?|kysely|zod)$/ },
  { name: 'all operations', holds: /^index\.ts$/ },
]

describe('the layers of the source', () => {
  test.each(layers.map((layer, height) => [layer.name, height] as const))(
    '%s imports only what is below it',
    (_, height) => {
      const below = layers.slice(0, height + 1)
      const { holds, packages, only } = layers[height] as (typeof layers)[number]
      for (const [file, from] of imports) {
        if (!holds.test(file)) continue
        for (const path of from) {
          const isAllowed = path.endsWith('.ts')
            ? below.some((layer) => layer.holds.test(path)) && (only === undefined || only.test(path))
            : packages?.test(path) === true
          expect(isAllowed, `${file} imports ${path}`).toBe(true)
        }
      }
    },
  )

  test('the main entry point does not export the test kit', () => {
    for (const path of imports.get('index.ts') ?? []) expect(path).not.toMatch(/^testing\//)
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
