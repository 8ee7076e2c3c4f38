import { v7 } from 'uuid'

/** A new id. Ids of version 7 grow with time, so that new rows lie together in an index. */
export function newId(): string {
  return v7()
}

/** What new ids of version 7 begin with, their time and version, for a statement that adds what is random. */
export function newIdHead(): string {
  return v7().slice(0, 15)
}
