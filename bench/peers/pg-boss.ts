// Measured in a process of its own, since pg-boss 12 needs Node 22. Copied beside its packages and run by bench/sections/throughput.ts:
// takes and ends jobs, batch after batch, and prints how many a second.
//
//   node pg-boss.ts '{"url": "postgresql://...", "backlog": 100000, "claimers": 8, "seconds": 3, "batch": 10}'

interface Options {
  readonly url: string
  readonly backlog: number
  readonly claimers: number
  readonly seconds: number
  readonly batch: number
}

interface Boss {
  start(): Promise<unknown>
  stop(options: object): Promise<unknown>
  createQueue(name: string): Promise<unknown>
  insert(name: string, jobs: object[]): Promise<unknown>
  fetch(name: string, options: object): Promise<{ id: string }[]>
  complete(name: string, ids: string[]): Promise<unknown>
}

const { url, backlog, claimers, seconds, batch } = JSON.parse(process.argv[2] ?? '{}') as Options
// Its package stands beside the copy of this file, not beside the file.
const name = 'pg-boss'
const { PgBoss } = (await import(name)) as { PgBoss: new (options: object) => Boss }
const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false, max: Math.max(claimers, 1) })
await boss.start()
await boss.createQueue('queue')
for (let i = 0; i < backlog; i += 10_000) {
  await boss.insert(
    'queue',
    Array.from({ length: Math.min(10_000, backlog - i) }, () => ({ data: {} })),
  )
}

let done = 0
let fetching = 0
let fetches = 0
const started = performance.now()
const until = started + seconds * 1000
const work = async (): Promise<void> => {
  while (performance.now() < until) {
    const asked = performance.now()
    const jobs = await boss.fetch('queue', { batchSize: batch })
    fetching += performance.now() - asked
    fetches++
    if (jobs.length === 0) throw new Error('the backlog is used up')
    await boss.complete(
      'queue',
      jobs.map(({ id }) => id),
    )
    done += jobs.length
  }
}
await Promise.all(Array.from({ length: claimers }, work))
const result = { jobsPerSecond: done / ((performance.now() - started) / 1000), fetch: fetching / fetches }
await boss.stop({ graceful: false })
process.stdout.write(`${JSON.stringify(result)}\n`)
