import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../support/shell.js'

test('every figure in the tables of how-far-it-goes was measured: it stands in a table of bench/RESULTS.md', async () => {
  const page = await readFile(join(root, 'docs/how-far-it-goes.md'), 'utf8')
  const results = new Set(cellsOf(await readFile(join(root, 'bench/RESULTS.md'), 'utf8')))
  const measured = page.slice(page.indexOf('## On one server'), page.indexOf('### What grows with what'))
  const figures = cellsOf(measured).filter((cell) => /^[\d.,]+$/.test(cell) && !/^[\d,]*000$/.test(cell))
  expect(figures.length).toBeGreaterThan(50)
  expect(figures.filter((figure) => !results.has(figure))).toEqual([])
})

function cellsOf(markdown: string): string[] {
  const rows = markdown.split('\n').filter((line) => line.startsWith('|'))
  return rows.flatMap((row) => row.split('|').map((cell) => cell.trim()))
}
