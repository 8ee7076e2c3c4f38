import type { Taker } from './takers.js'

/** How many jobs a second some claimers take and end together, each a batch after the other. */
export async function measureThroughput(taker: Taker, claimers: number, seconds: number): Promise<number> {
  let done = 0
  const started = performance.now()
  const until = started + seconds * 1000
  const work = async (): Promise<void> => {
    while (performance.now() < until) {
      const { size, end } = await taker.take()
      if (size === 0) throw new Error('the backlog is used up')
      await end()
      done += size
    }
  }
  await Promise.all(Array.from({ length: claimers }, work))
  return done / ((performance.now() - started) / 1000)
}
