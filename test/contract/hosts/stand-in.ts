import type { Kysely } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'

/** A Proxy as hosts inject it everywhere: it stands for whatever `current` gives now, the transaction of the moment or else the instance. */
export function standIn(current: () => Kysely<WorkQueueTables>): Kysely<WorkQueueTables> {
  return new Proxy({} as Kysely<WorkQueueTables>, {
    get(_, key) {
      const real = current()
      const value: unknown = Reflect.get(real, key, real)
      return typeof value === 'function' ? value.bind(real) : value
    },
  })
}
