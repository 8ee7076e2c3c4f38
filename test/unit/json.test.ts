import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findJsonProblems, toPythonJson } from '../../src/model/json.js'

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('"', '\\', ',', ':', '{', ']', 'é', '😀', '\u007f', '\u2028', '\n', 'a') }),
)
const anyJson = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.oneof(fc.constant(null), fc.boolean(), fc.double({ noDefaultInfinity: true, noNaN: true }), anyText),
    fc.array(tie('value')),
    fc.dictionary(anyText, tie('value')),
  ),
})).value

/** How Python's `json.dumps` spells a value, by its own definition. */
function spelled(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spelled).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([key, part]) => `${spelled(key)}: ${spelled(part)}`)
      .join(', ')}}`
  }
  return JSON.stringify(value).replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The same without NUL characters and lone surrogates, in keys and values. */
function storable(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed().replaceAll('\0', '')
  if (Array.isArray(value)) return value.map(storable)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map((entry) => entry.map(storable)) as [string, unknown][])
}

/** An array in an array and so on. */
const nested = (levels: number, inside: unknown = []): unknown => {
  let value = inside
  for (let level = 0; level < levels; level++) value = [value]
  return value
}

describe('JSON as it is written', () => {
  test('is spelled as Python spells it', () => {
    expect(toPythonJson({ a: [1, 'x: y, "z"', { 'ü\\"': null }], 'b\u007f': 'c:\\' })).toBe(
      String.raw`{"a": [1, "x: y, \"z\"", {"\u00fc\\\"": null}], "b\u007f": "c:\\"}`,
    )
    fc.assert(
      fc.property(anyJson, (value) => {
        const written = toPythonJson(value)
        expect(written).toBe(spelled(value))
        expect(JSON.stringify(JSON.parse(written))).toBe(JSON.stringify(value))
      }),
    )
  })

  test('is as long as its parts are, whatever its depth', () => {
    const leaves = Array.from({ length: 200_000 }, () => 1)
    const written = toPythonJson(nested(490, leaves))
    expect(written).toHaveLength(2 * 490 + spelled(leaves).length)
  })

  test('text of a million quotes and backslashes is text', () => {
    for (const unit of ['"', '\\', '\\"', '","', '":\\']) {
      const text = unit.repeat(1_000_000)
      expect(JSON.parse(toPythonJson({ [text]: [text, text] }))).toEqual({ [text]: [text, text] })
    }
  })
})

describe('what is wrong with a value that should be JSON', () => {
  const problemsOf = (value: unknown): string[] =>
    findJsonProblems(value).problems.map(({ path, message }) => [path.join('.'), message].join(': '))

  test('is nothing for every JSON object of text that databases store', () => {
    fc.assert(
      fc.property(fc.dictionary(anyText, anyJson), (value) => {
        expect(problemsOf(storable(value))).toEqual([])
      }),
    )
    expect(problemsOf(Object.assign(Object.create(null), { a: 1 }))).toEqual([])
  })

  const bad: [value: unknown, message: string][] = [
    [undefined, 'must be JSON, not undefined'],
    [new Date(0), 'must be JSON, not an instance of Date'],
    [new Map(), 'must be JSON, not an instance of Map'],
    [new URL('a:b'), 'must be JSON, not an instance of URL'],
    [NaN, 'must be JSON, not NaN'],
    [-Infinity, 'must be JSON, not -Infinity'],
    [1n, 'must be JSON, not a bigint'],
    [() => 1, 'must be JSON, not a function'],
    [Symbol('x'), 'must be JSON, not a symbol'],
    ['a\0', 'must not contain NUL characters'],
    ['\udc00', 'must not contain lone surrogates'],
  ]

  test.each(bad)('%o is named with the place where it is', (value, message) => {
    const orders = [{ id: 1 }, { id: 2, total: value }]
    expect(problemsOf({ customer: { name: 'x', orders }, after: [value] })).toEqual([
      `customer.orders.1.total: ${message}`,
      `after.0: ${message}`,
    ])
  })

  test('is at the very value, for every value at every place', () => {
    const path = fc.array(fc.oneof(fc.string({ minLength: 1, unit: 'grapheme-ascii' }), fc.nat(3)), { maxLength: 20 })
    fc.assert(
      fc.property(path, fc.constantFrom(...bad), (inner, [value, message]) => {
        const build = (rest: (string | number)[]): unknown => {
          const [first, ...others] = rest
          if (first === undefined) return value
          if (typeof first === 'number') return [...Array.from({ length: first }, () => [0]), build(others), 'after']
          return Object.fromEntries([
            ['before ' + first, { x: [1] }],
            [first, build(others)],
          ])
        }
        const { problems, more } = findJsonProblems({ first: build(inner) })
        expect(problems).toEqual([{ path: ['first', ...inner], message }])
        expect(more).toBe(0)
      }),
    )
  })

  test('a key is a place too', () => {
    expect(problemsOf({ a: { 'b\0': 1 } })).toEqual(['a.b\0: must not have a key that contains NUL characters'])
  })

  test('a hundred problems are named, and the others counted', () => {
    const { problems, more } = findJsonProblems({ a: Array.from({ length: 100_000 }) })
    expect(problems).toHaveLength(100)
    expect(problems[99]).toEqual({ path: ['a', 99], message: 'must be JSON, not undefined' })
    expect(more).toBe(99_900)
  })

  test('500 levels are taken, 501 are not, and neither is a circle', () => {
    const tooDeep = ['', 'must not be nested deeper than 500 levels'].join(': ')
    expect(problemsOf({ a: nested(498) })).toEqual([])
    expect(problemsOf({ a: nested(499) })).toEqual([tooDeep])
    expect(problemsOf({ a: nested(100_000) })).toEqual([tooDeep])
    const circle: unknown[] = []
    circle.push(1, circle, circle)
    expect(problemsOf({ circle })).toEqual([tooDeep])
  })

  test('what no database would store is refused, however small it is in memory', () => {
    const text = 'x'.repeat(2 ** 20)
    const tooLarge = ': must not be larger than 255 MiB'
    expect(problemsOf({ a: Array.from({ length: 50 }, () => text) })).toEqual([])
    expect(problemsOf({ a: Array.from({ length: 100 }, () => text) })).toEqual([tooLarge])
    let value: unknown = [1]
    for (let level = 0; level < 60; level++) value = [value, value]
    expect(problemsOf({ a: value })).toEqual([tooLarge])
  })
})
