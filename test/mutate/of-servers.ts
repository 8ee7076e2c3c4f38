import type { Mutation } from './mutation.js'

const CLAIM = 'test/examples/claim-over-servers.test.ts > a claim over servers'
const MOVE = 'test/examples/move-pool.test.ts > a pool that is moved to another server'

/** What more than one server goes by. */
export const ofServers: readonly Mutation[] = [
  {
    file: 'examples/many-databases/rendezvous.ts',
    find: 'JSON.stringify([server, key])',
    replace: 'JSON.stringify([servers.length, server, key])',
    fails: 'test/examples/rendezvous.test.ts > the server of a key > stays, or is the one that was added',
  },
  {
    file: 'examples/many-databases/claim-over-servers.ts',
    find: 'limit: shareOf(server) })',
    replace: 'limit: left })',
    fails: `${CLAIM} > takes what a claim of one server`,
  },
  {
    file: 'examples/many-databases/claim-over-servers.ts',
    find: 'compare(priorityOf(a), priorityOf(b)) || ',
    replace: '',
    fails: `${CLAIM} > takes what a claim of one server`,
  },
  {
    file: 'examples/many-databases/claim-over-servers.ts',
    find: 'if (short.length === 0) break',
    replace: 'break',
    fails: `${CLAIM} > gets the rest from the others`,
  },
  {
    file: 'examples/many-databases/claim-over-servers.ts',
    find: 'failed.set(server.name, error)',
    replace: 'throw error',
    fails: `${CLAIM} > of which one fails`,
  },
  {
    file: 'examples/many-databases/move-pool.ts',
    find: 'await remove(copy, id)',
    replace: '',
    fails: `${MOVE} > is moved whole when it is moved again`,
  },
  {
    file: 'examples/many-databases/move-pool.ts',
    find: 'if (active > 0) throw new Error(`the pool ${name} has ${active} active runs`)',
    replace: '',
    fails: `${MOVE} > waits for a claim that is under way`,
  },
  {
    file: 'examples/many-databases/move-pool.ts',
    find: 'last = rows.at(-1)?.id ?? last',
    replace: 'return',
    fails: `${MOVE} > is there with all that it had`,
  },
  {
    file: 'src/polls/get-scheduled-flow-runs.ts',
    find: 'lock: scope.isTransaction',
    replace: 'lock: true',
    fails: 'test/contract/hosts/hot-standby.test.ts > on a hot standby > getScheduledFlowRuns answers',
  },
]
