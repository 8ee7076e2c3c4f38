import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('every link between the pages leads somewhere', async () => {
  const pages = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    ...(await pagesIn('docs')),
    ...(await pagesIn('bench')),
  ]
  const broken: string[] = []
  let links = 0
  for (const page of pages.filter((name) => existsSync(join(root, name)))) {
    for (const [, target = ''] of (await readFile(join(root, page), 'utf8')).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      links++
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? join(root, page) : join(root, dirname(page), path)
      const isThere = existsSync(file) && (anchor === undefined || (await anchorsOf(file)).has(anchor))
      if (!isThere) broken.push(`${page}: ${target}`)
    }
  }
  expect(broken).toEqual([])
  expect(links).toBeGreaterThan(15)
})

async function pagesIn(folder: string): Promise<string[]> {
  const names = await readdir(join(root, folder))
  return names.filter((name) => name.endsWith('.md')).map((name) => relative(root, join(root, folder, name)))
}

/** The headings of a page, as they are addressed. */
async function anchorsOf(file: string): Promise<Set<string>> {
  const headings = (await readFile(file, 'utf8')).matchAll(/^#+ (.*)$/gm)
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s-]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  )
}
