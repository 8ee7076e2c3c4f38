import type { Mutation } from './mutation.js'

/** Pure decisions. Their tests need no database. */
export const ofRules: readonly Mutation[] = [
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
    file: 'src/rules/enter-state.ts',
    find: 'endTime: isTerminal(type) ? (endedAt ?? timestamp) : null',
    replace: 'endTime: isTerminal(type) ? (endedAt ?? timestamp) : run.endTime',
    fails: 'test/unit/enter-state.test.ts > changes only what the state says',
  },
  {
    file: 'src/rules/enter-state.ts',
    find: 'isTerminal(run.stateType) ? run.endTime : null',
    replace: 'run.endTime',
    fails: 'test/unit/enter-state.test.ts > an end that somebody left there',
  },
  {
    file: 'src/rules/enter-state.ts',
    find: "(type === 'RUNNING' || ends ? timestamp : null)",
    replace: "(type === 'RUNNING' ? timestamp : null)",
    fails: 'test/unit/enter-state.test.ts > gives a run the times that it never had',
  },
  {
    file: 'src/rules/enter-state.ts',
    find: "if (run.stateType !== 'RUNNING' || run.stateTimestamp === null) return 0",
    replace: 'if (run.stateTimestamp === null) return 0',
    fails: 'test/unit/enter-state.test.ts > is the time in it if that was RUNNING',
  },
  {
    file: 'src/rules/states.ts',
    find: "WORK_QUEUE_SLOT_STATES: readonly StateType[] = ['PENDING', 'RUNNING', 'CANCELLING']",
    replace: "WORK_QUEUE_SLOT_STATES: readonly StateType[] = ['PENDING', 'RUNNING']",
    fails: 'test/unit/states.test.ts > CANCELLING only where',
  },
  {
    file: 'src/rules/states.ts',
    find: "WORK_POOL_SLOT_STATES: readonly StateType[] = ['PENDING', 'RUNNING']",
    replace: "WORK_POOL_SLOT_STATES: readonly StateType[] = ['PENDING', 'RUNNING', 'CANCELLING']",
    fails: 'test/unit/states.test.ts > CANCELLING only where',
  },
  {
    file: 'src/rules/states.ts',
    find: "FILTER_QUEUE_SLOT_STATES: readonly StateType[] = ['PENDING', 'RUNNING']",
    replace: "FILTER_QUEUE_SLOT_STATES: readonly StateType[] = ['PENDING', 'RUNNING', 'CANCELLING']",
    fails: 'test/unit/states.test.ts > CANCELLING only where',
  },
  {
    file: 'src/rules/resolve-work-queue.ts',
    find: "if (workQueueId !== null) return { kind: 'by-id', workQueueId }",
    replace: "if (workQueueId !== null && workQueueName === null) return { kind: 'by-id', workQueueId }",
    fails: 'test/unit/resolve-work-queue.test.ts > an id decides, whatever the name',
  },
  {
    file: 'src/rules/resolve-work-queue.ts',
    find: ' && place.workPoolName === queue.workPoolName',
    replace: '',
    fails: 'test/unit/resolve-work-queue.test.ts > true of one queue at most',
  },
  {
    file: 'src/rules/resolve-work-pool.ts',
    find: 'returnDefaultQueue: input.name === DEFAULT_WORK_QUEUE_NAME',
    replace: 'returnDefaultQueue: true',
    fails: 'test/unit/resolve-work-pool.test.ts > sends a queue',
  },
  {
    file: 'src/rules/work-queue-status.ts',
    find: "if (patch.isPaused) return isPaused ? undefined : 'PAUSED'",
    replace: "if (patch.isPaused) return 'PAUSED'",
    fails: 'test/unit/work-queue-status.test.ts',
  },
  {
    file: 'src/rules/work-queue-status.ts',
    find: 'patch.lastPolled === undefined ? current.lastPolled : patch.lastPolled',
    replace: 'current.lastPolled',
    fails: 'test/unit/work-queue-status.test.ts',
  },
  {
    file: 'src/rules/work-pool-status.ts',
    find: 'pool.isPaused && pool.type !== DEFAULT_AGENT_WORK_POOL_TYPE',
    replace: 'pool.isPaused',
    fails: 'test/unit/work-pool-status.test.ts > created with isPaused',
  },
  {
    file: 'src/rules/evaluate-health.ts',
    find: 'facts.lateRunsCount > policy.maximumLateRuns',
    replace: 'facts.lateRunsCount >= policy.maximumLateRuns',
    fails: 'test/unit/evaluate-health.test.ts',
  },
  {
    file: 'src/rules/judge-flow-run.ts',
    find: 'aheadInQueue >= openInQueue',
    replace: 'aheadInQueue > openInQueue',
    fails: 'test/unit/judge-flow-run.test.ts',
  },
  {
    file: 'src/rules/judge-flow-run.ts',
    find: 'Math.min(pool.openSlots, poolPollLimit)',
    replace: 'pool.openSlots',
    fails: 'test/unit/judge-flow-run.test.ts',
  },
  {
    file: 'src/rules/judge-flow-run.ts',
    find: 'const handedOut = hindrances.length === 0',
    replace: 'const handedOut = hindrances.length + warnings.length === 0',
    fails: 'test/unit/judge-flow-run.test.ts > warns of a run that is handed out',
  },
]
