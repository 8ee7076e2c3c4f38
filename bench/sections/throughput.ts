import type { Server } from '../support/bench-databases.js'
import { progress } from '../support/measure.js'
import { installPgBoss } from '../support/install-pg-boss.js'
import { type Goal, ratioText, table } from '../support/report.js'
import { analyze } from '../support/seed.js'
import { BATCH, GRAPHILE_WORKER, type MakeTaker, OURS, prepared, TAKERS } from '../support/takers.js'
import { measureThroughput } from '../support/measure-throughput.js'

const CLAIMERS = [1, 8, 32] as const
const MEASURED = [
  OURS.queue,
  prepared(OURS.queue),
  OURS.limitedQueue,
  prepared(OURS.limitedQueue),
  GRAPHILE_WORKER,
  prepared(GRAPHILE_WORKER),
]

/**
 * How many jobs a second 1, 8 and 32 claimers take and end together, ten at a time: this library and its peers on one PostgreSQL
 * server, each in databases of its own.
 */
export async function measureThroughputs(
  server: Server,
  { seconds = 3, backlog = 120_000 } = {},
): Promise<{ text: string; goals: Goal[] }> {
  const rates = new Map<string, number[]>()
  for (const name of MEASURED) {
    const make = TAKERS[name]
    if (make === undefined) throw new Error(`no taker ${name}`)
    const measured: number[] = []
    for (const claimers of CLAIMERS) measured.push(await rateOf(server, make, claimers, { seconds, backlog }))
    rates.set(name, measured)
    progress(`throughput: ${name}: ${measured.map((rate) => Math.round(rate)).join(', ')}`)
  }
  const boss = await measurePgBoss(server, { seconds, backlog })
  rates.set(boss.name, boss.rates)
  return { text: textOf(rates), goals: goalsOf(rates) }
}

async function rateOf(
  server: Server,
  make: MakeTaker,
  claimers: number,
  { seconds, backlog }: { seconds: number; backlog: number },
): Promise<number> {
  await using database = await server.open()
  await using taker = await make(database, { backlog, connections: claimers })
  await analyze(database)
  return await measureThroughput(taker, claimers, seconds)
}

async function measurePgBoss(
  server: Server,
  { seconds, backlog }: { seconds: number; backlog: number },
): Promise<{ name: string; rates: number[] }> {
  await using boss = await installPgBoss()
  const rates: number[] = []
  for (const claimers of CLAIMERS) {
    await using database = await server.open()
    if (database.driver.kind !== 'postgres') throw new Error('pg-boss needs PostgreSQL')
    const { url } = database.driver
    rates.push((await boss.measure({ url, backlog, claimers, seconds, batch: BATCH })).jobsPerSecond)
  }
  progress(`throughput: pg-boss ${boss.version}: ${rates.map((rate) => Math.round(rate)).join(', ')}`)
  return { name: `pg-boss ${boss.version}, Node 24`, rates }
}

function textOf(rates: ReadonlyMap<string, readonly number[]>): string {
  const of = (name: string): number => rates.get(name)?.[1] ?? 1
  return table(
    [
      'jobs a second',
      ...CLAIMERS.map((claimers) => `${claimers} claimer${claimers === 1 ? '' : 's'}`),
      'of graphile-worker, 8',
      'of graphile-worker, prepared, 8',
    ],
    [...rates].map(([name, measured]) => [
      name,
      ...measured.map((rate) => Math.round(rate).toLocaleString('en')),
      ratioText((measured[1] ?? 0) / of(GRAPHILE_WORKER)),
      ratioText((measured[1] ?? 0) / of(prepared(GRAPHILE_WORKER))),
    ]),
  )
}

/** Goals are said as 'at most': graphile-worker's rate against ours, and ours of 8 claimers against ours of 32. */
function goalsOf(rates: ReadonlyMap<string, readonly number[]>): Goal[] {
  const [, graphile = 0] = rates.get(GRAPHILE_WORKER) ?? []
  const atMost: Record<string, number> = {
    [OURS.queue]: 1 / 0.4,
    [prepared(OURS.queue)]: 1 / 0.5,
    [OURS.limitedQueue]: 1 / 0.17,
    [prepared(OURS.limitedQueue)]: 1 / 0.25,
  }
  return Object.entries(atMost).flatMap(([name, most]) => {
    const [, eight = 0, many = 0] = rates.get(name) ?? []
    return [
      {
        name: `graphile-worker's throughput with 8 claimers, not prepared, against ${name}`,
        ratio: graphile / eight,
        atMost: most,
      },
      { name: `throughput of 8 claimers against 32, ${name}`, ratio: eight / many, atMost: 1.25 },
    ]
  })
}
