import type { PollingHistory } from '../simulation/history.js'
import { type TimeScale, timeScale } from './scales.js'
import { queueClass } from './style.js'

/** Where a hand-out or a late run belongs. */
interface Place {
  readonly queue: string
  readonly pool: string
}

const key = ({ queue, pool }: Place): string => JSON.stringify([pool, queue])

/** What every part of a picture is drawn from. */
export interface Picture {
  readonly history: PollingHistory
  readonly scale: TimeScale
  /** The queues in which something happened, in the order of the history. */
  readonly queues: readonly DrawnQueue[]
  /** The queue of a hand-out or a late run. */
  readonly queueOf: (place: Place) => DrawnQueue | undefined
}

/** A queue in a picture. */
export interface DrawnQueue {
  readonly queue: string
  readonly pool: string
  /** The queue's name, with its pool's where there are several. */
  readonly label: string
  readonly className: string
}

/**
 * A part of a picture: its heading, how high it is below that, and what is in it, from its upper edge at `y`.
 */
export interface Panel {
  readonly heading: string
  readonly height: number
  draw(y: number): string
}

/** Looks at a history as a picture of it needs it. */
export function createPicture(history: PollingHistory): Picture {
  const places = new Map<string, Place>()
  const seen = new Set([...history.handOuts, ...history.late].map((each) => key(each)))
  for (const { queue, pool } of history.slots) if (queue !== null) places.set(key({ queue, pool }), { queue, pool })
  for (const each of [...history.handOuts, ...history.late]) places.set(key(each), each)
  const drawn = [...places.values()].filter((place) => seen.has(key(place)))
  const pools = new Set(drawn.map(({ pool }) => pool))
  const queues = drawn.map(({ queue, pool }, index) => ({
    queue,
    pool,
    label: pools.size > 1 ? `${pool}/${queue}` : queue,
    className: queueClass(index),
  }))
  const byKey = new Map(queues.map((queue) => [key(queue), queue]))
  return {
    history,
    scale: timeScale(history.startedAt, history.endedAt),
    queues,
    queueOf: (place) => byKey.get(key(place)),
  }
}
