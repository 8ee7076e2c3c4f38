import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as library from 'kysely-work-queues'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const generated = join(root, 'coverage', 'examples')

test('every example in the README and in the docstrings compiles', async () => {
  await rm(generated, { recursive: true, force: true })
  await mkdir(generated, { recursive: true })
  const readme = blocksOf(await readFile(join(root, 'README.md'), 'utf8'))
  const docstrings = await docstringExamples()
  expect(readme.length).toBeGreaterThan(10)
  expect(docstrings.length).toBeGreaterThan(30)

  // The README is read from top to bottom, and so it is one program.
  await writeFile(join(generated, 'readme.ts'), hoistImports(readme.join('\n')))
  for (const [index, { file, code }] of docstrings.entries()) {
    await writeFile(join(generated, `docstring-${index}.ts`), `// ${file}\n${inPreamble(code)}`)
  }
  await writeFile(
    join(generated, 'tsconfig.json'),
    JSON.stringify({
      extends: '../../tsconfig.json',
      compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
      include: ['*.ts'],
    }),
  )
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const { stdout } = await promisify(execFile)(process.execPath, [tsc, '-p', generated]).catch(
    (error: { stdout: string }) => error,
  )
  expect(stdout).toBe('')
})

function blocksOf(markdown: string): string[] {
  return [...markdown.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code)
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

function hoistImports(code: string): string {
  const imports = /^import [\s\S]*?from '[^']+'$/gm
  return `${(code.match(imports) ?? []).join('\n')}\n${code.replace(imports, '')}`
}

/** What a docstring's example may take for granted: the library, a database, and some rows. */
function inPreamble(code: string): string {
  const names = Object.keys(library).filter((name) => !new RegExp(`import .*\\b${name}\\b`).test(code))
  return `
    import { Kysely, Migrator, PostgresDialect } from 'kysely'
    import { addMinutes, subMinutes, subSeconds } from 'date-fns'
    import { ${names.join(', ')} } from 'kysely-work-queues'
    import type * as types from 'kysely-work-queues'
    import { migrations } from 'kysely-work-queues/migrations'
    interface InvoiceTable { id: string }
    type WorkQueueTables = types.WorkQueueTables
    declare const db: Kysely<types.WorkQueueTables>
    declare const session: Kysely<types.WorkQueueTables>
    declare const dialect: PostgresDialect
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
        ${code}
      }
    }`
}
