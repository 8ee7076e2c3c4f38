import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../support/shell.js'

const MOST = 110

// Code is as wide as prettier leaves it, and prettier leaves comments as they are.
test(`no comment of the source is wider than ${MOST} characters`, () => {
  const folder = join(root, 'src')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  const comments = files.flatMap((file) =>
    commentLines(readFileSync(join(folder, file), 'utf8')).map(({ number, line }) => ({
      at: `${file}:${number}`,
      line,
    })),
  )
  expect(comments.length).toBeGreaterThan(2000)
  expect(comments.filter(({ line }) => line.length > MOST).map(({ at }) => at)).toEqual([])
})

/** The lines of a file that are nothing but comment. */
function commentLines(source: string): { number: number; line: string }[] {
  let isInside = false
  return source.split('\n').flatMap((line, index) => {
    if (/^\s*\/\*/.test(line)) isInside = true
    const isComment = isInside || /^\s*\/\//.test(line)
    if (line.includes('*/')) isInside = false
    return isComment ? [{ number: index + 1, line }] : []
  })
}
