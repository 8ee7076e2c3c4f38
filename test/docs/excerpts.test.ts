import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../support/shell.js'

test('the excerpts of statements in how-it-works stand in the statements as they are sent', async () => {
  const page = await readFile(join(root, 'docs/how-it-works.md'), 'utf8')
  const excerpts = [...page.matchAll(/^```sql\n-- (\S+)\n([\s\S]*?)^```$/gm)]
  expect(excerpts.length).toBeGreaterThan(4)
  for (const [, file = '', excerpt = ''] of excerpts) {
    const statement = unspaced(await readFile(join(root, file), 'utf8'))
    let rest = statement
    for (const part of excerpt.split('...').map(unspaced)) {
      expect(part, file).not.toBe('')
      expect(rest, `${file}, in this order`).toContain(part)
      rest = rest.slice(rest.indexOf(part) + part.length)
    }
  }
})

test('the code of the page about testing stands in a test that is run', async () => {
  const page = await readFile(join(root, 'docs/testing.md'), 'utf8')
  const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block.replaceAll(IMPORT, ''))
  expect(blocks.length).toBeGreaterThan(3)
  const run = await readFile(join(root, 'examples/testing-page.test.ts'), 'utf8')
  expect(unspaced(run.replaceAll(IMPORT, '').replaceAll(/^\/\/.*$/gm, ''))).toBe(unspaced(blocks.join('')))
})

const IMPORT = /^import [\s\S]*?from '[^']+'$/gm

/** Spaces and lines are set otherwise in an excerpt. */
function unspaced(text: string): string {
  return text.replaceAll(/\s/g, '')
}
