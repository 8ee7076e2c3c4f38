import { placeAfter } from './due-times.js'

/** What happens at a time. */
export type Happening = () => Promise<void> | void

/**
 * What is to happen, ordered by time, and what was added first first. Times are milliseconds since the start.
 */
export interface Timeline {
  add(at: number, happening: Happening): void
  /** Takes the next one, if there is one. */
  next(): { readonly at: number; readonly happening: Happening } | undefined
}

/** Creates an empty timeline. */
export function createTimeline(): Timeline {
  const times: number[] = []
  const happenings: Happening[] = []
  return {
    add(at, happening) {
      const place = placeAfter(times, at)
      times.splice(place, 0, at)
      happenings.splice(place, 0, happening)
    },
    next() {
      const [at, happening] = [times.shift(), happenings.shift()]
      return at === undefined || happening === undefined ? undefined : { at, happening }
    },
  }
}
