import type { Mutation } from './mutation.js'

/** What the test kit's simulations do and tell. */
export const ofSimulations: readonly Mutation[] = [
  {
    file: 'src/testing/simulation/lives.ts',
    find: 'run.attempts.length <= retries',
    replace: 'run.attempts.length < retries',
    fails: 'test/contract/testing/simulate-retries.test.ts > retries them as often',
  },
  {
    file: 'src/testing/simulation/followed-runs.ts',
    find: '      dueTimes.add(dueAt)\n      run.attempts',
    replace: '      run.attempts',
    fails: 'test/contract/testing/simulate-retries.test.ts > retries them as often',
  },
  {
    file: 'src/testing/simulation/lives.ts',
    find: '  poller.running.delete(run.id)\n',
    replace: '',
    fails: 'test/contract/testing/simulate-retries.test.ts > what they have room for',
  },
  {
    file: 'src/testing/simulation/polling.ts',
    find: 'capacity - running.size - submitting.size',
    replace: 'capacity - running.size',
    fails: 'test/contract/testing/simulate-retries.test.ts > what they have room for',
  },
  {
    file: 'src/testing/simulation/polling.ts',
    find: 'if (crashes) poller.running.clear()',
    replace: '',
    fails: 'test/contract/testing/simulate-retries.test.ts > one that crashed has room again',
  },
  {
    file: 'src/testing/simulation/polling.ts',
    find: "if (run.holder !== undefined || run.isDone) {\n      handOut.outcome = 'duplicate'",
    replace: "if (run.holder !== undefined && !run.isDone) {\n      handOut.outcome = 'duplicate'",
    fails: 'test/contract/testing/simulate-own-claims.test.ts > what is given twice',
  },
  {
    file: 'src/testing/simulation/simulate-in.ts',
    find: 'isTransaction ? held() : host',
    replace: 'isTransaction ? db : host',
    fails:
      'test/contract/testing/simulate-own-claims.test.ts > on SQLite in memory > claims in the transaction of the host',
  },
  {
    file: 'src/testing/simulation/simulate-in.ts',
    find: '    await sql`rollback to savepoint simulation`.execute(scope.db)\n',
    replace: '',
    fails: 'test/contract/testing/simulate-pollings.test.ts > on SQLite in memory > undoes it in a transaction too',
  },
  {
    file: 'src/testing/simulation/slot-usage.ts',
    find: 'ofLimit += thisLimit * time',
    replace: 'ofLimit += thisLimit * time + 1',
    fails: 'test/contract/testing/summarize-polling.test.ts > tells waits, the use of slots',
  },
  {
    file: 'src/testing/simulation/quantiles.ts',
    find: '(place - Math.floor(place))',
    replace: '(Math.ceil(place) - place)',
    fails: 'test/contract/testing/summarize-polling.test.ts > takes a wait between two',
  },
  {
    file: 'src/testing/drawing/hand-outs-panel.ts',
    find: '((lanes[index] ?? 0) + 0.5) * lane',
    replace: '0.5 * lane',
    fails: 'test/contract/testing/draw-polling.test.ts > draws every run as a bar',
  },
  {
    file: 'src/testing/drawing/slots-panel.ts',
    find: 'last > limit ? (columns[index + 1]?.x ?? RIGHT) : x + 1',
    replace: 'x + 1',
    fails: 'test/contract/testing/draw-polling.test.ts > draws slots in use',
  },
  {
    file: 'src/testing/drawing/slots-panel.ts',
    find: 'if (column?.x === x) {',
    replace: 'if (column?.x === -x) {',
    fails: 'test/contract/testing/draw-large-polling.test.ts > draws ten thousand',
  },
  {
    file: 'src/testing/drawing/svg.ts',
    find: ".replaceAll('<', '&lt;')",
    replace: '',
    fails: 'test/contract/testing/draw-polling.test.ts > takes names whatever',
  },
  {
    file: 'src/testing/create-test-session.ts',
    find: 'Object.keys(all).toSorted()',
    replace: 'Object.keys(all)',
    fails: 'test/contract/testing/create-test-session.test.ts > runs all migrations once',
  },
]
