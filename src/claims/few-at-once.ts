import { atEachCall, type Scope } from '../session.js'
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

/** For how long one that is under way counts as such, in milliseconds: it may hang on a dead connection. */
const LONGEST_TURN = 5000

/**
 * A line in which a few are served at once, in the order in which they came. One that takes too long counts
 * no more from the next look on: when somebody comes or goes, or anything else is called. (A timer would be
 * the only one of the library.)
 */
export class Line {
  readonly #atOnce: number
  readonly #longestTurn: number
  readonly #waiting: (() => void)[] = []
  /** Since when each of those that are served has been. */
  readonly #underWay = new Map<symbol, number>()

  constructor(atOnce: number, longestTurn: number) {
    this.#atOnce = atOnce
    this.#longestTurn = longestTurn
  }

  /** Whether nobody waits or is served. */
  get isEmpty(): boolean {
    return this.#underWay.size + this.#waiting.length === 0
  }

  /** Does the work when its turn has come. */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    const me = Symbol('one of the line')
    await new Promise<void>((resolve) => {
      this.#waiting.push(() => {
        this.#underWay.set(me, performance.now())
        resolve()
      })
      this.letIn()
    })
    try {
      return await work()
    } finally {
      this.#underWay.delete(me)
      this.letIn()
    }
  }

  /** Lets in as many as there is room for. */
  letIn(): void {
    const now = performance.now()
    let free = this.#atOnce
    for (const since of this.#underWay.values()) if (now - since < this.#longestTurn) free--
    while (free-- > 0) this.#waiting.shift()?.()
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
  if (line === undefined) {
    lines.set(key, (line = new Line(AT_ONCE, LONGEST_TURN)))
    // All claimers of a process may wait behind three that hang; then none of them comes or goes.
    atEachCall(scope, () => {
      for (const each of lines.values()) each.letIn()
    })
  }
  try {
    return await line.pass(claim)
  } finally {
    // Another may have ended at the same time, and a new line have begun.
    if (line.isEmpty && lines.get(key) === line) lines.delete(key)
  }
}
