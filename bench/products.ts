import { readFileSync } from 'node:fs'
import { sql } from 'kysely'
import type { ProductCall } from './products/call.js'
import { changes } from './products/changes.js'
import { reads } from './products/reads.js'
import { createProductWorld, type ProductWorld } from './products/product-world.js'
import { type BenchDatabase, type Server, startPostgres, startSqlite } from './support/bench-databases.js'
import { progress } from './support/measure.js'

// npm run bench:products [-- SIZE [PART]]: calls each function with lists of SIZE entries on tables of as many rows, and then with twice
// as many of both. A cost that is a product of two of them is four times as large, and one that is not is twice.

const size = Number(process.argv[2] ?? 2000)
const part = process.argv[3] ?? ''
/** Between the two and the four times. What takes less than the least is not judged: it is mostly other things. */
const MOST = 3
const LEAST_MS = 100

/** What a call costs, in milliseconds of processor time, here and in PostgreSQL: other work on the machine hardly changes it. */
async function costOf(world: ProductWorld, { title, call, found }: ProductCall): Promise<number> {
  let least = Infinity
  for (let i = 0; i < 3 && (i === 0 || least < 2000); i++) {
    const trx = await world.db.startTransaction().execute()
    try {
      const server = await processorTime(world.database, trx)
      const own = process.cpuUsage()
      const result = await call({ ...world, db: trx })
      const { user, system } = process.cpuUsage(own)
      least = Math.min(least, (user + system) / 1000 + (await processorTime(world.database, trx)) - server)
      if (found?.(result, world) === false) throw new Error(`${title} did not do its work`)
    } finally {
      await trx.rollback().execute()
    }
  }
  return least
}

/** The processor time of the connection's process so far, in milliseconds: the 14th and 15th field, in hundredths of a second. */
async function processorTime({ name }: BenchDatabase, trx: ProductWorld['db']): Promise<number> {
  if (name === 'SQLite') return 0
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx)
  const fields = readFileSync(`/proc/${rows[0]?.pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

async function judge(server: Server, isAnalyzed: boolean): Promise<string[]> {
  const small = await createProductWorld(server, size, isAnalyzed)
  const large = await createProductWorld(server, 2 * size, isAnalyzed)
  progress(`${server.name}, statistics ${isAnalyzed ? 'fresh' : 'absent'}: ${size} and ${2 * size}`)
  const products: string[] = []
  for (const call of [...changes, ...reads].filter(({ title }) => title.includes(part))) {
    const costs = [await costOf(small, call), await costOf(large, call)] as const
    const ratio = costs[1] / costs[0]
    const isProduct = ratio > MOST && costs[1] >= LEAST_MS
    if (isProduct) products.push(`${server.name}, statistics ${isAnalyzed ? 'fresh' : 'absent'}: ${call.title}`)
    const numbers = costs.map((cost) => cost.toFixed(0).padStart(7)).join('')
    process.stdout.write(`${isProduct ? '**' : '  '}${numbers} ms ${ratio.toFixed(2)}×  ${call.title}\n`)
  }
  for (const { database } of [small, large]) await database[Symbol.asyncDispose]()
  return products
}

const products: string[] = []
for (const start of [startSqlite, startPostgres]) {
  await using server = await start()
  for (const isAnalyzed of [true, false]) products.push(...(await judge(server, isAnalyzed)))
}
progress(products.length === 0 ? 'no call costs a product' : `these cost a product:\n${products.join('\n')}`)
process.exitCode = products.length === 0 ? 0 : 1
