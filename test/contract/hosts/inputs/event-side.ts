import { takeEvents } from 'kysely-work-queues'
import { not, orNull, type Refusals } from './refusals.js'

/** What the functions of events must refuse. */
export const eventRefusals: Refusals = {
  takeEvents: {
    '': [orNull(not.object), (db, options) => takeEvents(db, options)],
    limit: [orNull(not.count), (db, limit) => takeEvents(db, { limit })],
    more: [not.known, (db, more) => takeEvents(db, { more } as object)],
  },
}
