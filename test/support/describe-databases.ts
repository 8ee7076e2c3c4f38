import { afterEach, beforeEach, describe } from 'vitest'
import { type DatabaseKind, databases, type TestDatabase } from './databases.js'
import { withDrivers } from './drivers.js'
import { type Factory, factory } from './factory.js'

/** What a contract works with; each test has a database of its own. */
export interface Contract {
  readonly kind: DatabaseKind
  /** The test's database. */
  readonly database: TestDatabase
  /** The host's session. */
  readonly db: TestDatabase['db']
  /** Inserts rows past the library. */
  readonly make: Factory
}

/** Runs a contract on every kind of database, or on some. */
export function describeOnDatabases(
  title: string,
  contract: (t: Contract) => void,
  kinds: readonly DatabaseKind[] = databases,
): void {
  const used = withDrivers(kinds)
  describe.each(used.map((kind) => [kind.name, kind] as const))(`${title} on %s`, (_, kind) => {
    let database: TestDatabase | undefined
    let make: Factory | undefined
    beforeEach(async () => {
      database = await kind.create()
      make = factory(database)
    })
    afterEach(async () => {
      await database?.destroy()
    })
    contract({
      kind,
      get database() {
        return present(database)
      },
      get db() {
        return present(database).db
      },
      get make() {
        return present(make)
      },
    })
  })
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('only inside a test')
  return value
}
