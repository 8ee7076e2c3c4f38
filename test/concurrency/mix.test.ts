import * as library from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres } from '../support/databases.js'
import { urlOf } from '../support/database-url.js'
import { mixedCalls } from './mix/mixed-calls.js'
import { mix } from './mix/mix.js'

// Every function, by eight PostgreSQL sessions at once, about the same few rows. A rare circle of locks needs longer than these few seconds:
// with lockWorkQueues of locks.ts in no order, a mix of 15 seconds at read committed had six deadlocks. The long version is in
// bench/claims-soak.ts.

test('every function that takes a session is in the mix', () => {
  const isAsync = (value: unknown): boolean => Object.prototype.toString.call(value) === '[object AsyncFunction]'
  const functions = Object.entries(library).flatMap(([name, value]) => (isAsync(value) ? [name] : []))
  expect(Object.keys(mixedCalls).toSorted()).toEqual(functions.toSorted())
})

test.each([
  ['read committed', 3],
  ['repeatable read', 1.5],
  ['serializable', 1.5],
] as const)('the mix of all functions at %s neither deadlocks nor fails', async (isolation, seconds) => {
  await using database = await postgres.create(true)
  const url = await urlOf(database)
  const result = await mix({ url, db: database.plain, isolation, sessions: 8, seconds, seed: 20_261_126 })
  expect(result).toMatchObject({ deadlocks: [], errors: [], wrong: [] })
  // Where sessions wait for each other, nothing is to be tried again; elsewhere they have to have met.
  if (isolation === 'read committed') expect(result.conflicts).toBe(0)
  else expect(result.conflicts).toBeGreaterThan(0)
  // Nothing would be shown if most had found nothing to do. A few names may be taken, a few queues may be default ones.
  const done = Object.values(result.done)
  const undone = Object.entries(result.done).flatMap(([name, count]) => (count === 0 ? [name] : []))
  expect(undone.length, undone.join(', ')).toBeLessThan(4)
  expect(done.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(4 * result.refused)
})
