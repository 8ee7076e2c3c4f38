import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const generated = join(root, 'coverage', 'examples')

// A compiler of its own, beside all the other tests.
const TIMEOUT = 120_000

test('every example in the README, in the pages and in the docstrings compiles', { timeout: TIMEOUT }, async () => {
  await rm(generated, { recursive: true, force: true })
  await mkdir(generated, { recursive: true })
  const readme = blocksOf(await readFile(join(root, 'README.md'), 'utf8'))
  const docstrings = await docstringExamples()
  expect(readme.length).toBeGreaterThan(3)
  expect(docstrings.length).toBeGreaterThan(30)

  // In the README each block stands alone, with its own imports, and takes for granted only a database and an id.
  for (const [index, code] of readme.entries()) {
    await writeFile(join(generated, `README.${index}.ts`), code.includes('const db =') ? code : GIVEN + code)
  }
  const exported = await exportedNames()
  // A page is read from top to bottom, and so it is one program; what it takes for granted is declared for it.
  for (const page of await readdir(join(root, 'docs'))) {
    if (!page.endsWith('.md')) continue
    const blocks = blocksOf(await readFile(join(root, 'docs', page), 'utf8'))
    await writeFile(join(generated, `docs.${page}.ts`), inPreamble(blocks.join('\n'), exported))
  }
  for (const [index, { file, code }] of docstrings.entries()) {
    const name = `${file.replaceAll(/[/\\]/g, '.').replace(/\.ts$/, '')}.${index}.ts`
    await writeFile(join(generated, name), inPreamble(code, exported, file.startsWith('testing')))
  }
  await writeFile(
    join(generated, 'tsconfig.json'),
    JSON.stringify({
      extends: '../../tsconfig.json',
      compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
      include: ['*.ts'],
    }),
  )
  expect(await typecheck(generated)).toEqual({ exitCode: 0, output: '' })
})

test('the README is short, has its first call on the first screen, and its commands are marked for CI', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  expect(Buffer.byteLength(readme)).toBeLessThanOrEqual(10_000)
  expect(readme.split('\n').slice(0, 20).join('\n')).toContain('await claimRunsInWorkQueue(db')
  expect(readme.match(/<!-- ci: \w+ -->\n\n```sh\n.*\n```/g)).toHaveLength(2)
})

test('every public function has a docstring with an example', async () => {
  const documented = new Map<string, boolean>()
  for (const { file, names } of [...(await exportLists()).values()].flat()) {
    const source = await readFile(file, 'utf8')
    for (const [, comment = '', name = ''] of source.matchAll(
      /(\/\*\*(?:(?!\*\/)[\s\S])*\*\/)?\nexport (?:async )?function (\w+)/g,
    )) {
      // Of overloads, the first has the docstring.
      if (names.includes(name)) documented.set(name, documented.get(name) === true || comment.includes('@example'))
    }
  }
  expect(documented.size).toBeGreaterThan(60)
  expect([...documented].filter(([, isDocumented]) => !isDocumented)).toEqual([])
})

async function typecheck(project: string): Promise<{ exitCode: unknown; output: string }> {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [tsc, '-p', project], { cwd: root })
    return { exitCode: 0, output: stdout + stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string }
    return { exitCode: code, output: stdout + stderr }
  }
}

function blocksOf(markdown: string): string[] {
  // Kysely 0.28, which compiles them here, has the migrator in its root.
  const code = markdown.replaceAll("'kysely/migration'", "'kysely'")
  return [...code.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block)
}

async function docstringExamples(): Promise<{ file: string; code: string }[]> {
  const files = await readdir(join(root, 'src'), { recursive: true })
  const examples: { file: string; code: string }[] = []
  for (const file of files.filter((name) => name.endsWith('.ts'))) {
    const source = await readFile(join(root, 'src', file), 'utf8')
    for (const [comment] of source.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
      const text = comment.replace(/^ *\* ?/gm, '')
      for (const code of blocksOf(text)) examples.push({ file, code })
    }
  }
  return examples
}

const IMPORTS = /^import [\s\S]*?from '[^']+'$/gm

/** What a block of the README may take for granted. */
const GIVEN = `
  declare const db: import('kysely').Kysely<import('kysely-work-queues').WorkQueueTables>
  declare const flowRunId: string
`

/** The values that each entry point exports. */
async function exportedNames(): Promise<Map<string, string[]>> {
  const lists = await exportLists()
  return new Map([...lists].map(([entry, files]) => [entry, files.flatMap(({ names }) => names)]))
}

/** The values that each entry point exports, by the files that have them. */
async function exportLists(): Promise<Map<string, { file: string; names: string[] }[]>> {
  const lists = new Map<string, { file: string; names: string[] }[]>()
  for (const [entry, file] of [
    ['kysely-work-queues', 'src/index.ts'],
    ['kysely-work-queues/rules', 'src/rules.ts'],
    ['kysely-work-queues/testing', 'src/testing/index.ts'],
  ] as const) {
    const source = await readFile(join(root, file), 'utf8')
    const exports = [...source.matchAll(/^export \{([^}]*)\} from '([^']+)\.js'/gm)]
    lists.set(
      entry,
      exports.map(([, list = '', from = '']) => ({
        file: join(root, dirname(file), `${from}.ts`),
        names: list
          .split(',')
          .map((name) => name.trim())
          .filter((name) => name !== '' && !name.startsWith('type ')),
      })),
    )
  }
  return lists
}

/** What a docstring's example may take for granted: the library, a database, and some rows. */
function inPreamble(code: string, exported: ReadonlyMap<string, readonly string[]>, ofTestKit = false): string {
  const own = code.match(IMPORTS) ?? []
  const taken = new Set(own.flatMap((line) => line.match(/\w+/g) ?? []))
  // The test kit has some names of the library's for shorter calls.
  const imports = (ofTestKit ? [...exported].toReversed() : [...exported]).map(([entry, names]) => {
    const free = names.filter((name) => !taken.has(name))
    for (const name of free) taken.add(name)
    return `import { ${free.join(', ')} } from '${entry}'`
  })
  const rest = {
    kysely: ['Kysely', 'Migrator', 'PostgresDialect', 'SqliteDialect'],
    'date-fns': ['addMinutes', 'subDays', 'subMinutes', 'subSeconds'],
    'kysely-work-queues/migrations': ['migrations'],
    'kysely-work-queues/postgres': ['withPreparedStatements'],
  }
  for (const [entry, names] of Object.entries(rest)) {
    imports.push(`import { ${names.filter((name) => !taken.has(name)).join(', ')} } from '${entry}'`)
  }
  return `
    ${[...imports, ...own].join('\n')}
    import type * as types from 'kysely-work-queues'
    interface InvoiceTable { id: string }
    ${taken.has('WorkQueueTables') ? '' : 'type WorkQueueTables = types.WorkQueueTables'}
    declare const db: import('kysely').Kysely<types.WorkQueueTables>
    declare const session: import('kysely').Kysely<types.WorkQueueTables>
    declare const dialect: import('kysely').PostgresDialect
    declare const pool: types.WorkPool
    declare const queue: types.WorkQueue, a: types.WorkQueue, b: types.WorkQueue
    declare const urgent: types.WorkQueue, normal: types.WorkQueue
    declare const run: types.FlowRun
    declare const id: string
    declare const now: Date
    declare const mine: Record<string, never>
    declare const bus: { send(message: string): void }
    declare function start(run: types.FlowRun): Promise<void>
    export async function example() {
      {
        ${code.replace(IMPORTS, '')}
      }
    }`
}
