import type { Kysely } from 'kysely'
import {
  claimScheduledFlowRuns,
  getScheduledFlowRuns,
  readWorkQueues,
  type ScheduledFlowRun,
  type WorkQueueTables,
} from 'kysely-work-queues'

/** A database server, with the work pools that live on it. */
export interface Server {
  readonly name: string
  readonly db: Kysely<WorkQueueTables>
}

interface Claim {
  /** Of whichever servers: an id matches nothing where its pool does not live. */
  readonly workPoolIds: readonly string[]
  /** How many runs at most, over all servers. */
  readonly limit: number
  readonly holder?: string
  readonly leaseSeconds?: number
}

/** What a claim over servers took, and which servers failed. */
interface Taken {
  readonly claimed: readonly (ScheduledFlowRun & { readonly server: string })[]
  /** What each server that failed has thrown. */
  readonly failed: ReadonlyMap<string, unknown>
}

/**
 * Claims over several servers what `claimScheduledFlowRuns` would claim if all pools were on one: by queue priority, then start time, then id.
 *
 * It looks first, at all servers at once, which locks and writes nothing. The first `limit` runs of all that were found say how many to
 * claim of each server, and a server's first so many are its own part of them. So it never claims more than `limit`, and has nothing to
 * give back. Where others were quicker, or CANCELLING runs hold slots that polls do not count, a server gives fewer than it seemed to: the
 * other servers are then asked for the rest.
 *
 * It does not throw when a server fails, since what the others have claimed would be lost to the caller. A claim whose answer was lost has
 * a lease that nobody renews (renew those of the runs that you know, by `flowRunIds`), and is given back when that expires.
 */
export async function claimOverServers(servers: readonly Server[], { limit, ...claim }: Claim): Promise<Taken> {
  const failed = new Map<string, unknown>()
  const priorities = new Map<string, number>()
  const claimed: Found[] = []
  // One moment for all, since their clocks differ.
  const due = { workPoolIds: claim.workPoolIds, scheduledBefore: new Date() }
  let asked = servers
  // Each round but the last leaves out a server.
  while (claimed.length < limit && asked.length > 0) {
    const left = limit - claimed.length
    const seen = await fromEach(asked, failed, async ({ name, db }) => {
      const found = await getScheduledFlowRuns(db, { ...due, limit: left })
      const ids = [...new Set(found.map(({ workQueueId }) => workQueueId))]
      const queues = await readWorkQueues(db, { filter: { id: { any: ids } } })
      for (const { id, priority } of queues) priorities.set(id, priority)
      return found.map((each) => ({ ...each, server: name }))
    })
    const first = inOrder([...seen.values()].flat(), priorities).slice(0, left)
    const shareOf = ({ name }: Server): number => first.filter(({ server }) => server === name).length
    const sharing = asked.filter((server) => shareOf(server) > 0)
    const taken = await fromEach(sharing, failed, async (server) => {
      const found = await claimScheduledFlowRuns(server.db, { ...claim, ...due, limit: shareOf(server) })
      return found.map((each) => ({ ...each, server: server.name }))
    })
    claimed.push(...[...taken.values()].flat())
    const short = sharing.filter((server) => (taken.get(server)?.length ?? 0) < shareOf(server))
    if (short.length === 0) break
    asked = asked.filter((server) => !short.includes(server) && !failed.has(server.name))
  }
  return { claimed: inOrder(claimed, priorities), failed }
}

interface Found extends ScheduledFlowRun {
  readonly server: string
}

/** Asks each server, all at once. Those that fail are noted, and hold up none of the others. */
async function fromEach<T>(
  servers: readonly Server[],
  failed: Map<string, unknown>,
  ask: (server: Server) => Promise<T>,
): Promise<Map<Server, T>> {
  const answers = new Map<Server, T>()
  await Promise.all(
    servers.map(async (server) => {
      try {
        answers.set(server, await ask(server))
      } catch (error) {
        failed.set(server.name, error)
      }
    }),
  )
  return answers
}

/** The order of the library's own polls and claims over pools. */
function inOrder(found: readonly Found[], priorities: ReadonlyMap<string, number>): Found[] {
  const priorityOf = ({ workQueueId }: Found): number => priorities.get(workQueueId) ?? Infinity
  const startOf = ({ flowRun }: Found): number => flowRun.nextScheduledStartTime?.getTime() ?? Infinity
  return found.toSorted(
    (a, b) =>
      compare(priorityOf(a), priorityOf(b)) || compare(startOf(a), startOf(b)) || compare(a.flowRun.id, b.flowRun.id),
  )
}

function compare<T extends number | string>(a: T, b: T): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
