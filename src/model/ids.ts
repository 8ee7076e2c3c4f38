import { v7 } from 'uuid'

/** A new id. Ids of version 7 grow with time, so that new rows lie together in an index. */
export function newId(): string {
  return v7()
}
