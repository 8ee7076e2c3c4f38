import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { fewAtOnce, Line } from '../../src/claims/few-at-once.js'

// A line of two: what is under way ends when the test says so.

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

function lineOfTwo() {
  const line = new Line(2, 1000)
  const started: string[] = []
  const ends = new Map<string, { resolve: (name: string) => void; reject: (error: Error) => void }>()
  return {
    line,
    started,
    pass(name: string): Promise<string> {
      const promise = new Promise<string>((resolve, reject) => void ends.set(name, { resolve, reject }))
      return line.pass(async () => {
        started.push(name)
        return await promise
      })
    },
    async end(name: string): Promise<void> {
      ends.get(name)?.resolve(name)
      await setImmediate()
    },
    async fail(name: string): Promise<void> {
      ends.get(name)?.reject(new Error(name))
      await setImmediate()
    },
  }
}

test('two are served at once, and the others in the order in which they came', async () => {
  const { line, pass, end, started } = lineOfTwo()
  const all = ['a', 'b', 'c', 'd', 'e'].map(pass)
  await setImmediate()
  expect(started).toEqual(['a', 'b'])
  await end('b')
  expect(started).toEqual(['a', 'b', 'c'])
  for (const name of ['a', 'd', 'c', 'e']) await end(name)
  expect(started).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(line.isEmpty).toBe(true)
})

test('one that fails makes room, and only its own caller is told', async () => {
  const { pass, end, fail, started } = lineOfTwo()
  const [a, b, c] = ['a', 'b', 'c'].map(pass)
  const failed = a?.catch((error: Error) => error.message)
  await fail('a')
  expect(await failed).toBe('a')
  expect(started).toEqual(['a', 'b', 'c'])
  await end('b')
  await end('c')
  expect(await Promise.all([b, c])).toEqual(['b', 'c'])
})

test('one that comes when another has just been let in waits behind those who came before', async () => {
  const { line, pass, end, started } = lineOfTwo()
  const all = ['a', 'b', 'c', 'd'].map(pass)
  await setImmediate()
  const late = line.pass(async () => void started.push('late'))
  for (const name of ['a', 'b', 'c', 'd']) await end(name)
  await Promise.all([...all, late])
  expect(started).toEqual(['a', 'b', 'c', 'd', 'late'])
})

test('those that hang for a second do not count any more when somebody comes, or goes', async () => {
  const { line, pass, end, started } = lineOfTwo()
  const all = ['hangs', 'hangs too', 'c', 'd'].map(pass)
  await setImmediate()
  vi.advanceTimersByTime(999)
  all.push(pass('e'))
  await setImmediate()
  expect(started).toEqual(['hangs', 'hangs too'])
  vi.advanceTimersByTime(1)
  all.push(pass('f'))
  await setImmediate()
  expect(started).toEqual(['hangs', 'hangs too', 'c', 'd'])
  // Two are served at once, as before.
  await end('c')
  expect(started).toEqual(['hangs', 'hangs too', 'c', 'd', 'e'])
  vi.advanceTimersByTime(1000)
  await end('hangs')
  expect(started).toEqual(['hangs', 'hangs too', 'c', 'd', 'e', 'f'])
  for (const name of ['d', 'hangs too', 'e', 'f']) await end(name)
  await Promise.all(all)
  expect(line.isEmpty).toBe(true)
})

test('one that comes between the ends of two is in a line with those who come later', async () => {
  for (let steps = 0; steps < 12; steps++) {
    const executor = { adapter: {} }
    const scope = { db: { getExecutor: () => executor } as never, schema: undefined, isTransaction: false }
    const started: string[] = []
    const never = new Promise<void>(() => {})
    const hang = (name: string) =>
      void fewAtOnce(scope, 'queue', async () => {
        started.push(name)
        await never
      })
    const ends: (() => void)[] = []
    const end = async (): Promise<void> => await new Promise<void>((resolve) => void ends.push(resolve))
    const two = [fewAtOnce(scope, 'queue', end), fewAtOnce(scope, 'queue', end)]
    await setImmediate()
    const [endFirst, endSecond] = ends
    endFirst?.()
    const comes = (async () => {
      for (let step = 0; step < steps; step++) await Promise.resolve()
      hang('between')
    })()
    endSecond?.()
    await Promise.all([...two, comes])
    for (let n = 0; n < 4; n++) hang(`later ${n}`)
    await setImmediate()
    expect(started, `after ${steps} steps`).toEqual(['between', 'later 0', 'later 1'])
  }
})

test('tenants, whose schemas are different, do not wait for each other', async () => {
  const db = { getExecutor: () => ({ adapter: sharedAdapter }) } as never
  const started: string[] = []
  const never = new Promise<void>(() => {})
  const claim = (schema: string) =>
    void fewAtOnce({ db, schema, isTransaction: false }, 'all', async () => {
      started.push(schema)
      await never
    })
  for (let n = 0; n < 5; n++) claim('one')
  claim('another')
  await setImmediate()
  expect(started).toEqual(['one', 'one', 'one', 'another'])
})

const sharedAdapter = {}
