import type { Scope } from '../session.js'
import { inSchema, perInstance } from '../sql/per-instance.js'

// Claims of one limit go one after the other, in the database. Where many of a process wait there, each holds
// a connection, and PostgreSQL's queue for a row gets slower with its length: each waiter wakes up for each
// version of the row that was written while it waited. So a process has a few of them under way, and the
// others wait here, without a connection. Tried on PostgreSQL 18, claims of ten under both limits with each
// batch ended at once, runs a second: with 32 claimers 2,330 without this, 2,680 with one at once, 3,430 with
// two and 3,480 with three (prepared 3,230, 4,370, 5,010 and 5,390); over a network with a millisecond each
// way 1,010, 720, 1,100 and 1,120.

/** One that claims, one that waits for its turn, and one on the way. */
const AT_ONCE = 3

/** How long one waits at most, in milliseconds, since those before it may hang on a dead connection. */
const LONGEST_WAIT = 5000

/** A line in which a few are served at once, in the order in which they came. */
export class Line {
  readonly #atOnce: number
  readonly #longestWait: number
  // A set, since one who has waited too long leaves from the middle.
  readonly #waiting = new Set<() => void>()
  #underWay = 0

  constructor(atOnce: number, longestWait: number) {
    this.#atOnce = atOnce
    this.#longestWait = longestWait
  }

  /** Whether nobody waits or is served. */
  get isEmpty(): boolean {
    return this.#underWay + this.#waiting.size === 0
  }

  /** Does the work when its turn has come, or when it has waited for too long. */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.#underWay < this.#atOnce && this.#waiting.size === 0) this.#underWay++
    else await this.#turn()
    try {
      return await work()
    } finally {
      this.#underWay--
      const [next] = this.#waiting
      if (this.#underWay < this.#atOnce) next?.()
    }
  }

  async #turn(): Promise<void> {
    await new Promise<void>((resolve) => {
      const go = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(go)
        this.#underWay++
        resolve()
      }
      const timer = setTimeout(go, this.#longestWait)
      this.#waiting.add(go)
    })
  }
}

const linesOf = perInstance(() => new Map<string, Line>())

type LineScope = Pick<Scope, 'db' | 'schema' | 'isTransaction'>

/**
 * Runs a claim when few others of this process claim under the same limit. One in a transaction of the
 * caller's does not wait, since it may hold what those before it wait for.
 *
 * @param owner - The id of the pool or queue whose limit it is, or what else names what they claim of.
 */
export async function fewAtOnce<T>(scope: LineScope, owner: string, claim: () => Promise<T>): Promise<T> {
  if (scope.isTransaction) return await claim()
  const [lines, key] = [linesOf(scope), inSchema(scope, owner)]
  let line = lines.get(key)
  if (line === undefined) lines.set(key, (line = new Line(AT_ONCE, LONGEST_WAIT)))
  try {
    return await line.pass(claim)
  } finally {
    if (line.isEmpty) lines.delete(key)
  }
}
