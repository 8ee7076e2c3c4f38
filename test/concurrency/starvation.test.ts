import { expect, test } from 'vitest'
import { postgres } from '../support/databases.js'
import { urlOf } from '../support/database-url.js'
import { starve } from './starvation/starve.js'

// The long version, with the times, is in bench/claims-soak.ts.
test('no call is kept waiting for ever by 32 claimers of a queue without limits', async () => {
  await using database = await postgres.create()
  const { waits, claims, errors } = await starve({ url: await urlOf(database), claimers: 32, seconds: 1 })
  expect(errors).toEqual([])
  expect(claims).toBeGreaterThan(0)
  expect(Object.values(waits).filter(({ count }) => count === 0)).toEqual([])
})
