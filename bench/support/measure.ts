import { Bench } from 'tinybench'

/** Something to time. */
export interface Timed {
  readonly name: string
  readonly run: () => unknown
  /** Undoes what a run did, outside the time. */
  readonly after?: (() => Promise<void>) | undefined
}

export interface Effort {
  /** How often each is measured at least, in turn with the others. */
  readonly rounds: number
  /** How often at most. */
  readonly mostRounds: number
  /** How long each is measured in a round, in milliseconds, but at least eight calls. */
  readonly time: number
}

const DEFAULT_EFFORT: Effort = { rounds: 5, mostRounds: 25, time: 60 }

/**
 * Times each in turn, several rounds, and returns what a call takes in milliseconds, by name: the lowest of the rounds' medians.
 *
 * In turn, so that a machine that is slower for a while is so for all; the lowest, since noise only ever adds. Rounds are added until
 * each lowest median is confirmed by another within 4 %: on a busy machine, a single one may be all noise.
 */
export async function measure(timed: readonly Timed[], effort: Partial<Effort> = {}): Promise<Map<string, number>> {
  const { rounds, mostRounds, time } = { ...DEFAULT_EFFORT, ...effort }
  const medians = new Map<string, number[]>(timed.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds || (round < mostRounds && ![...medians.values()].every(isConfirmed)); round++) {
    for (const { name, run, after } of timed) {
      const bench = new Bench({ time, iterations: 8, warmup: round === 0, warmupTime: 20, throws: true })
      bench.add(name, run, after === undefined ? {} : { afterEach: after })
      const [task] = await bench.run()
      const result = task?.result
      if (result === undefined || !('latency' in result)) throw new Error(`${name} was not measured`)
      medians.get(name)?.push(result.latency.p50)
    }
  }
  return new Map([...medians].map(([name, times]) => [name, Math.min(...times)]))
}

function isConfirmed(times: readonly number[]): boolean {
  const lowest = Math.min(...times)
  return times.filter((time) => time <= lowest * 1.04).length >= 2
}

/** The measured time of a name. */
export function timeOf(measured: ReadonlyMap<string, number>, name: string): number {
  const time = measured.get(name)
  if (time === undefined) throw new Error(`${name} was not measured`)
  return time
}

/** Says what is being done, and how long the whole has been going on. */
export function progress(message: string): void {
  const seconds = Math.round(performance.now() / 1000)
  process.stdout.write(`${String(seconds).padStart(4)} s  ${message}\n`)
}
