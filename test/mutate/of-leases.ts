import type { Mutation } from './mutation.js'

const held = 'test/contract/leases/claims-for-a-holder.test.ts > on SQLite in memory >'
const read = 'test/contract/leases/read-leases.test.ts > on SQLite in memory >'
const renewed = 'test/contract/leases/renew-leases.test.ts > on PostgreSQL >'
const released = 'test/contract/leases/release-expired-leases.test.ts > on SQLite in memory >'
const counted = 'test/contract/leases/max-releases.test.ts > on SQLite in memory >'
const halted = 'test/concurrency/renewals-beside-releases.test.ts > on PostgreSQL >'

/** Who holds what, until when, and what becomes of it. */
export const ofLeases: readonly Mutation[] = [
  {
    file: 'src/sql/leases.ts',
    find: `
        and not \${isOneOf('state.type', WORK_QUEUE_SLOT_STATES)}`,
    replace: '',
    fails: `${held} goes on through states of the slot, and ends with them`,
  },
  {
    file: 'src/sql/leases.ts',
    find: '${occupiesSlot(WORK_QUEUE_SLOT_STATES)} and (',
    replace: '1 = 1 and (',
    fails: `${read} also what has expired, as long as its run holds the slot`,
  },
  {
    file: 'src/sql/leases.ts',
    find: 'holder = excluded.holder,',
    replace: '',
    fails: `${held} replaces the lease of a claim before`,
  },
  {
    file: 'src/model/flow-run-lease.ts',
    find: 'if (holder !== undefined || leaseSeconds === undefined) return',
    replace: 'return',
    fails: `${held} refuses a holder that is none, and a lease for nobody`,
  },
  {
    file: 'src/leases/read-leases.ts',
    find: 'or run.work_queue_id is null\n      and',
    replace: 'or',
    fails: `${read} of runs that belong to queues, or to the queues of pools`,
  },
  {
    file: 'src/leases/renewal.postgres.ts',
    find: 'where mine.holds ${isAsked}',
    replace: 'where mine.holds',
    fails: `${renewed} only of the runs that are asked for`,
  },
  {
    file: 'src/leases/renewal.postgres.ts',
    find: 'where not mine.holds and',
    replace: 'where mine.holds and',
    fails: `${renewed} drops the holder’s void leases`,
  },
  {
    file: 'src/leases/expired-leases.ts',
    find: 'where met.holds and ${hasExpired}',
    replace: 'where met.holds',
    fails: `${halted} leaves alone what is renewed meanwhile`,
  },
  {
    file: 'src/leases/expired-leases.ts',
    find: "where ${hasAnyId('lease.flow_run_id', ids, dialect)} and ${leaseHolds(scope)}",
    replace: "where ${hasAnyId('lease.flow_run_id', ids, dialect)}",
    fails: `${halted} leaves alone what is given back and claimed anew`,
  },
  {
    file: 'src/leases/expired-leases.ts',
    find: `    order by lease.expires_at, lease.flow_run_id
`,
    replace: `    order by lease.flow_run_id
`,
    fails: `${released} releases the oldest expiry first`,
  },
  {
    file: 'src/rules/state-after-release.ts',
    find: 'releases >= maxReleases',
    replace: 'releases > maxReleases',
    fails: `${counted} a run that was released by releaseExpiredLeases that often`,
  },
  {
    file: 'src/flow-runs/release-runs.ts',
    find: '${isRelease} and ${isSince}',
    replace: '${isRelease}',
    fails: `${counted} both ways count, and a run that has run since begins anew`,
  },
  {
    file: 'src/flow-runs/release-runs.ts',
    find: 'if (retried.length > 0)',
    replace: 'if (retried.length > 9)',
    fails: `${released} a RUNNING run that was retried inside its process`,
  },
  {
    file: 'src/flow-runs/release-runs.ts',
    find: "changes[n]?.type === 'SCHEDULED' && ",
    replace: '',
    fails: `${released} a RUNNING run that was retried inside its process`,
  },
  {
    file: 'src/rules/judge-flow-run.ts',
    find: 'lease.expiresAt > now',
    replace: 'lease.expiresAt >= now',
    fails: 'test/contract/explain/explain-leases.test.ts > on SQLite in memory > explains a run of its own',
  },
]
