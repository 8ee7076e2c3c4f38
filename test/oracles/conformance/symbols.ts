import type { Kysely } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'

/** A value of a scenario or a trace. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** The time that a trace's times count from. */
export const BASE = Date.UTC(2035, 0, 1, 12)

/** Names ids as a trace does, and resolves the names: `$a`, `$a.default`, `$pool:NAME`, `$pool:NAME.default`, `$d1`. */
export class Symbols {
  readonly #ids = new Map<string, string>()
  /** Of several symbols of one id, the first. */
  readonly #names = new Map<string, string>()
  /** Through which pools are looked up: a transaction sees what it has written. */
  session: Kysely<WorkQueueTables>

  constructor(session: Kysely<WorkQueueTables>) {
    this.session = session
  }

  set(symbol: string, id: string): void {
    this.#ids.set(symbol, id)
    if (!this.#names.has(id)) this.#names.set(id, symbol)
  }

  /** The id that a symbol stands for; one that no row has when it stands for nothing. */
  async resolve(symbol: string): Promise<string> {
    const known = this.#ids.get(symbol)
    if (known !== undefined) return known
    if (/^d\d+$/.test(symbol)) return deploymentId(Number(symbol.slice(1)))
    await this.#learn()
    return this.#ids.get(symbol) ?? MISSING_ID
  }

  /** The symbol of an id, with its `$`. */
  async nameOf(id: string): Promise<string> {
    const deployment = /^00000000-0000-4000-a000-([0-9a-f]{12})$/.exec(id)
    if (deployment) return `$d${parseInt(deployment[1] ?? '', 16)}`
    if (id === MISSING_ID) return '$missing'
    if (!this.#names.has(id)) await this.#learn()
    const symbol = this.#names.get(id)
    return symbol === undefined ? '<uuid>' : `$${symbol}`
  }

  /** Pools that no step named go by their names, and default queues by their pools. */
  async #learn(): Promise<void> {
    const pools = await this.session.selectFrom('work_pool').select(['id', 'name', 'default_queue_id']).execute()
    for (const { id, name, default_queue_id } of pools) {
      // A second pool of a name, after the first was deleted, has its own symbol.
      if (!this.#names.has(id)) this.set(this.#ids.has(`pool:${name}`) ? `pool:${name}~2` : `pool:${name}`, id)
      if (default_queue_id === null || this.#names.has(default_queue_id)) continue
      for (const [symbol, known] of Array.from(this.#ids)) {
        if (known === id) this.set(`${symbol}.default`, default_queue_id)
      }
    }
  }
}

/** An id that no row has. */
const MISSING_ID = '00000000-0000-4000-8000-ffffffffffff'

export function flowRunId(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
}

function deploymentId(n: number): string {
  return `00000000-0000-4000-a000-${n.toString(16).padStart(12, '0')}`
}

/** A time as a trace says it, to the millisecond: what is finer is cut off, as a `Date` does. */
export function toTraceTime(time: Date): Json {
  return { $time: (time.getTime() - BASE) / 1000 }
}

/** A time of a scenario as text with microseconds, which a `Date` does not hold. */
export function microsecondText(seconds: number): string {
  const microseconds = BigInt(BASE) * 1000n + BigInt(Math.round(seconds * 1_000_000))
  const iso = new Date(Number(microseconds / 1000n)).toISOString()
  return `${iso.slice(0, 23).replace('T', ' ')}${String(microseconds % 1000n).padStart(3, '0')}`
}
