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
]
