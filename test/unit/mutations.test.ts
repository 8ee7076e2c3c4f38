import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { mutations } from '../mutations.js'
import { root } from '../support/shell.js'

// `npm run mutate` proves them, in minutes; this says at once which of them a change has left behind.

const read = (file: string): string => readFileSync(join(root, file), 'utf8')

describe('the mutations', () => {
  test('are of sources and examples, each at one place of its file, and change it', () => {
    const astray = mutations.filter(
      ({ file, find, replace }) =>
        !/^(?:src|examples)\//.test(file) ||
        read(file).split(find).length !== 2 ||
        read(file).replace(find, () => replace) === read(file),
    )
    expect(astray).toEqual([])
  })

  test('fail in test files that there are', () => {
    const files = new Set(mutations.map(({ fails }) => fails.split(' > ')[0] ?? ''))
    for (const file of files) expect(file).toMatch(/^test\/.*\.test\.ts$/)
    for (const file of files) expect(read(file)).not.toBe('')
  })

  test('are each another one', () => {
    const all = mutations.map(({ file, find, replace }) => JSON.stringify([file, find, replace]))
    expect(new Set(all).size).toBe(all.length)
  })
})
