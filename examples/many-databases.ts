// Work pools spread over two PostgreSQL servers, one of which crashes under load and comes back. A pool lives on one server, with its
// queues, runs and leases, so each limit is kept there; which one, says a rendezvous hash of its name. Workers claim over both, by priority.
// In the end the databases are asked, in plain SQL, whether anything was lost or done twice.
// Run it with `npm run example examples/many-databases.ts`.

import { setTimeout as sleep } from 'node:timers/promises'
import { addSeconds, subHours } from 'date-fns'
import {
  countFlowRuns,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  type FlowRun,
  readWorkPoolByName,
  releaseExpiredLeases,
  updateWorkPool,
} from 'kysely-work-queues'
import { auditServers } from './many-databases/audit-servers.js'
import { claimOverServers, type Server } from './many-databases/claim-over-servers.js'
import { type FleetServer, startServer } from './many-databases/fleet.js'
import { type Journal, runWorker } from './many-databases/fleet-worker.js'
import { movePool } from './many-databases/move-pool.js'
import { chooseServer } from './many-databases/rendezvous.js'

const TENANTS = ['acme', 'bravo', 'cargo', 'delta', 'eagle', 'fjord', 'gamma', 'hotel']
const POOL_LIMIT = 3
const URGENT_LIMIT = 1
const RUNS_OF_A_POOL = 40
// Short, so that the example is. In earnest it would be a minute.
const LEASE_SECONDS = 1

await using north = await startServer('north')
await using south = await startServer('south')
const servers: readonly FleetServer[] = [north, south]
const serverOf = (pool: string): FleetServer => (chooseServer(pool, ['north', 'south']) === 'north' ? north : south)

const longAgo = subHours(new Date(), 1)
const workPoolIds: string[] = []
for (const [n, name] of TENANTS.entries()) {
  const { db } = serverOf(name)
  const { id: workPoolId } = await createWorkPool(db, { name, type: 'process', concurrencyLimit: POOL_LIMIT })
  workPoolIds.push(workPoolId)
  const queue = { workPoolId, concurrencyLimit: URGENT_LIMIT }
  const urgent = await createWorkQueue(db, { name: `${name} urgent`, priority: 1, ...queue })
  const bulk = await createWorkQueue(db, { name: `${name} bulk`, workPoolId })
  // Each pool's first run is of `bulk`, its next of `urgent`, and so on; the pools take turns.
  const runs = Array.from({ length: RUNS_OF_A_POOL }, (_, k) => ({
    name: `${name} ${k % 2 === 0 ? 'bulk' : 'urgent'} ${k + 1}`,
    workQueueId: k % 2 === 0 ? bulk.id : urgent.id,
    nextScheduledStartTime: addSeconds(longAgo, k * TENANTS.length + n),
  }))
  await createFlowRuns(db, runs)
}
for (const { name } of servers) {
  say(`${name} has ${TENANTS.filter((tenant) => serverOf(tenant).name === name).join(', ')}`)
}
const moved = TENANTS.filter((tenant) => chooseServer(tenant, ['north', 'south', 'west']) !== serverOf(tenant).name)
say(`a third server, west, would take ${moved.join(', ')}, and move nothing between these two`)

// A host that dies as soon as it has claimed. Its leases expire, and others run what it took.
const first = await claimOverServers(servers, { workPoolIds, limit: 10, holder: 'host 0', leaseSeconds: LEASE_SECONDS })
say(`claimed first: ${first.claimed.map(({ server, flowRun }) => `${flowRun.name} (${server})`).join(', ')}`)

const journal: Journal = { claims: [], works: [], unanswered: new Map(), letGo: 0 }
const stop = new AbortController()
const workOf = ({ id }: FlowRun): number => 15 + (Number.parseInt(id.slice(-2), 16) % 30)
const workers = [1, 2, 3].map((n) =>
  runWorker(
    servers,
    { holder: `host ${n}`, workPoolIds, capacity: 10, leaseSeconds: LEASE_SECONDS, workOf },
    journal,
    stop.signal,
  ),
)
const released: FlowRun[] = []
const upkeep = servers.map(async ({ db }) => {
  while (!stop.signal.aborted) {
    // These runs may be run again from their start: otherwise leave `runningTo` out, and they become CRASHED.
    released.push(...(await releaseExpiredLeases(db, { runningTo: 'SCHEDULED' }).catch(() => [])))
    await sleep(100)
  }
})

const ofServer = ({ name }: Server): number =>
  RUNS_OF_A_POOL * TENANTS.filter((tenant) => serverOf(tenant).name === name).length
await untilCompleted(south, ofServer(south) / 4)
await south.crash()
const atCrash = await completedOn(north)
const crashed = Date.now()
await untilCompleted(north, Math.min(atCrash + 30, ofServer(north)))
await sleep(Math.max(0, crashed + 1000 * LEASE_SECONDS + 500 - Date.now()))
say(`south crashed; north completed ${(await completedOn(north)) - atCrash} runs until it was back`)
say(
  `calls that were not answered: ${servers.map(({ name }) => `${journal.unanswered.get(name) ?? 0} by ${name}`).join(', ')}`,
)
await south.resume()
for (const server of servers) await untilCompleted(server, ofServer(server))
stop.abort()
await Promise.all([...workers, ...upkeep])
say(`runs whose work was let go: ${journal.letGo}; leases that expired and were released: ${released.length}`)

for (const line of await auditServers(servers, journal)) say(line)

// A pool moves to another server when nothing of it is active, and goes on there under its own id.
const tenant = TENANTS.find((name) => serverOf(name) === north) ?? ''
const pool = await readWorkPoolByName(north.db, tenant)
if (pool === undefined) throw new Error(`there is no pool ${tenant}`)
await createFlowRuns(north.db, [{ name: `${tenant} last`, workQueueId: pool.defaultQueueId }])
await updateWorkPool(north.db, pool.id, { isPaused: true })
await movePool(north, south, tenant)
await updateWorkPool(south.db, pool.id, { isPaused: false })
const last = await claimOverServers(servers, { workPoolIds: [pool.id], limit: 10 })
say(
  `${tenant} was moved; claimed there: ${last.claimed.map(({ server, flowRun }) => `${flowRun.name} (${server})`).join(', ')}`,
)

async function completedOn({ db }: Server): Promise<number> {
  return await countFlowRuns(db, { filter: { stateType: { any: ['COMPLETED'] } } })
}

async function untilCompleted(server: Server, runs: number): Promise<void> {
  while ((await completedOn(server)) < runs) await sleep(20)
}

function say(line: string): void {
  console.log(line)
}
