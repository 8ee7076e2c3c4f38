/** A change of the source that a test has to see. */
export interface Mutation {
  readonly file: string
  /** A text that stands in the file once. */
  readonly find: string
  readonly replace: string
  /** The test file, and what the name of the test has in it: `test/unit/open-slots.test.ts > beyond it`. */
  readonly fails: string
}

/** What the tests were seen to fail by. `npm run mutate` proves each. */
export const mutations: readonly Mutation[] = [
  {
    file: 'src/rules/open-slots.ts',
    find: 'Math.max(0, limit - active)',
    replace: 'limit - active',
    fails: 'test/unit/open-slots.test.ts > none beyond it',
  },
  {
    file: 'src/rules/first-free-priority.ts',
    find: 'let priority = 1',
    replace: 'let priority = 2',
    fails: 'test/unit/first-free-priority.test.ts > the smallest from 1',
  },
  {
    file: 'src/rules/is-last-polled-recent.ts',
    find: '<= seconds * 1000',
    replace: '< seconds * 1000',
    fails: 'test/unit/is-last-polled-recent.test.ts > to the millisecond',
  },
  {
    file: 'src/rules/rebalance-priorities.ts',
    find: 'while (asked.has(place)) place++',
    replace: '',
    fails: 'test/unit/rebalance-priorities.test.ts > the asked ones as asked',
  },
  {
    file: 'src/rules/rebalance-priorities.ts',
    find: '(a.id < b.id ? -1 : 1)',
    replace: '(a.id < b.id ? 1 : -1)',
    fails: 'test/unit/rebalance-priorities.test.ts > the smaller id first',
  },
  {
    file: 'src/rules/enter-state.ts',
    find: "Math.min(run.runCount + (type === 'RUNNING' ? 1 : 0), MAX_RUN_COUNT)",
    replace: "run.runCount + (type === 'RUNNING' ? 1 : 0)",
    fails: 'test/unit/enter-state.test.ts > no further than the databases can',
  },
  {
    file: 'src/model/checks.ts',
    find: 'MAX_INDEXED_BYTES = 2000',
    replace: 'MAX_INDEXED_BYTES = 3000',
    fails: 'test/contract/hosts/long-texts.test.ts > is refused past 2,000 bytes',
  },
  {
    file: 'src/model/checks.ts',
    find: 'code < 0x800 ? 2',
    replace: 'code < 0x800 ? 1',
    fails: 'test/unit/checks.test.ts > the bytes of UTF-8',
  },
  {
    file: 'src/model/checks.ts',
    find: `/[^\\s'"]/.test(value)`,
    replace: 'true',
    fails: 'test/unit/checks.test.ts > where Prefect does',
  },
  {
    file: 'src/model/json.ts',
    find: 'return (at - first) % 2 === 1',
    replace: "return json[at - 1] === '\\\\'",
    fails: 'test/unit/json.test.ts > as Python spells it',
  },
  {
    file: 'src/model/json.ts',
    find: 'keys?.[next - 1] ?? next - 1',
    replace: 'keys?.[next - 1] ?? next',
    fails: 'test/unit/json.test.ts > at the very value',
  },
  {
    file: 'src/model/json.ts',
    find: 'if (levels.length === MAX_LEVELS)',
    replace: 'if (levels.length > MAX_LEVELS)',
    fails: 'test/unit/json.test.ts > 501 are not',
  },
  {
    file: 'src/errors.ts',
    find: 'const listed = issues.slice(0, MAX_ISSUES)',
    replace: 'const listed = issues.slice()',
    fails: 'test/unit/errors.test.ts > counts what is beyond',
  },
  {
    file: 'src/errors.ts',
    find: 'const kind = errcode & 0xff',
    replace: 'const kind = errcode',
    fails: 'test/unit/errors.test.ts > node:sqlite, snapshot',
  },
  {
    file: 'src/flow-runs/create-flow-runs.ts',
    find: "stateType === 'SCHEDULED' && input.nextScheduledStartTime === undefined",
    replace: 'input.nextScheduledStartTime === undefined',
    fails: 'test/contract/create-flow-runs-defaults.test.ts > due at once unless',
  },
  {
    file: 'src/flow-runs/create-flow-runs.ts',
    find: 'flowId !== undefined ||',
    replace: 'true ||',
    fails: 'test/contract/hosts/inputs.test.ts > idempotency key without its flow',
  },
  {
    file: 'src/locks.ts',
    find: 'for key share of queue, pool',
    replace: 'for share of queue, pool',
    fails: 'test/concurrency/waiting.test.ts > nobody waits for it who gives no limit',
  },
  {
    file: 'src/locks.ts',
    find: 'and ${arePassed} for key share',
    replace: 'for key share',
    fails: 'test/concurrency/waiting.test.ts > limits, new names and deletes wait for it',
  },
  {
    file: 'src/locks.ts',
    find: "${needsGate}`)) return await lock('delete')",
    replace: "${needsGate}`)) return await lock('update')",
    fails: 'test/concurrency/races-of-locks.test.ts > a limit given to a pool, between a look and a claim',
  },
  {
    file: 'src/locks.ts',
    find: 'if (!needsGateNow(locked))',
    replace: 'if (locked !== null)',
    fails: 'test/concurrency/waiting.test.ts > a limit given just after another was taken away',
  },
  {
    file: 'src/workers/record-worker-heartbeat.ts',
    find: 'if (mayClaim) await passGate(scope, workPoolId)',
    replace: '',
    fails: 'test/concurrency/races-of-locks.test.ts > ticks of two workers, and a limit given to their pool',
  },
  {
    file: 'src/workers/record-worker-heartbeat.ts',
    find: 'if (isAnnounced && seen?.status',
    replace: 'if (seen?.status',
    fails: 'test/concurrency/races-of-queues.test.ts > a heartbeat and a mark for want of workers',
  },
  {
    file: 'src/work-pools/update-work-pool.ts',
    find: 'if (!(await holdOffHeartbeats(scope, [workPoolId])).has(workPoolId)) return true',
    replace: '',
    fails: 'test/concurrency/races-of-locks.test.ts > a heartbeat and a resume of the pool',
  },
]
