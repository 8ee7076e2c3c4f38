import { ofDashboard } from './mutate/of-dashboard.js'
import { ofEvents } from './mutate/of-events.js'
import { ofExplanations } from './mutate/of-explanations.js'
import { ofClaims } from './mutate/of-claims.js'
import { ofHeartbeats } from './mutate/of-heartbeats.js'
import { ofInputs } from './mutate/of-inputs.js'
import { ofLeases } from './mutate/of-leases.js'
import { ofLines } from './mutate/of-lines.js'
import { ofLocks } from './mutate/of-locks.js'
import { ofPlans } from './mutate/of-plans.js'
import { ofPolls } from './mutate/of-polls.js'
import { ofRules } from './mutate/of-rules.js'
import { ofServers } from './mutate/of-servers.js'
import { ofSessions } from './mutate/of-sessions.js'
import { ofSimulations } from './mutate/of-simulations.js'
import { ofStats } from './mutate/of-stats.js'
import { ofUpkeep } from './mutate/of-upkeep.js'
import { ofWrites } from './mutate/of-writes.js'
import type { Mutation } from './mutate/mutation.js'

/** What the tests were seen to fail by. `npm run mutate` proves each, the quickest first. */
export const mutations: readonly Mutation[] = [
  ...ofRules,
  ...ofInputs,
  ...ofPolls,
  ...ofExplanations,
  ...ofClaims,
  ...ofEvents,
  ...ofLeases,
  ...ofStats,
  ...ofUpkeep,
  ...ofWrites,
  ...ofSimulations,
  ...ofSessions,
  ...ofServers,
  ...ofDashboard,
  ...ofHeartbeats,
  ...ofLines,
  ...ofLocks,
  ...ofPlans,
]
