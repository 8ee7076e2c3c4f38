import type { DialectAdapter } from 'kysely'
import type { Scope } from '../session.js'

/**
 * Keeps something for each of a host's instances: by the adapter, which an instance and its transactions
 * share and which goes with them.
 */
export function perInstance<T extends object>(make: () => T): (scope: Pick<Scope, 'db'>) => T {
  const kept = new WeakMap<DialectAdapter, T>()
  return ({ db }) => {
    const { adapter } = db.getExecutor()
    let one = kept.get(adapter)
    if (one === undefined) kept.set(adapter, (one = make()))
    return one
  }
}

/** A name in the schema that is asked: the tenants of an instance may have the same names. */
export function inSchema({ schema }: Pick<Scope, 'schema'>, name: string): string {
  return schema === undefined ? name : `${schema} ${name}`
}
