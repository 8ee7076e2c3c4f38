import { readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('no two files have one name: a name in an editor, a stack or a report says which file is meant', () => {
  const paths = ['src', 'test', 'bench', 'examples'].flatMap((room) =>
    readdirSync(`${root}/${room}`, { recursive: true, withFileTypes: true, encoding: 'utf8' })
      .filter((entry) => entry.isFile() && !['index.ts', 'README.md', 'tsconfig.json'].includes(entry.name))
      .map((entry) => `${entry.parentPath}/${entry.name}`.slice(root.length)),
  )
  expect(paths.length).toBeGreaterThan(400)
  const names = paths.map((path) => basename(path))
  expect(paths.filter((path) => names.indexOf(basename(path)) !== names.lastIndexOf(basename(path)))).toEqual([])
})
