import type { Mutation } from './mutation.js'

const asTheyWere = 'test/contract/hosts/inputs-as-they-were.test.ts > on SQLite in memory >'
const ofRealms = 'test/contract/hosts/inputs-of-other-realms.test.ts > on SQLite in memory >'

/** What is taken, refused and added. */
export const ofInputs: readonly Mutation[] = [
  {
    file: 'src/model/checks.ts',
    find: '.transform(copyOfJson)',
    replace: '',
    fails: `${asTheyWere} JSON that the host changes meanwhile`,
  },
  {
    file: 'src/model/checks.ts',
    find: '.transform((value) => new Date(momentOf(value) ?? Number.NaN))',
    replace: '',
    fails: `${asTheyWere} times, lists, filters, patches and maps`,
  },
  {
    file: 'src/model/moments.ts',
    find: 'return getTime.call(value)',
    replace: 'return value instanceof Date ? getTime.call(value) : undefined',
    fails: `${ofRealms} dates of another realm`,
  },
  {
    file: 'src/rules/rebalance-priorities.ts',
    find: "typeof (priorities as { get?: unknown } | null | undefined)?.get === 'function'",
    replace: 'priorities instanceof Map',
    fails: `${ofRealms} maps of priorities, of another realm`,
  },
  {
    file: 'src/upkeep/prune-flow-runs.ts',
    find: 'return isPlainObject(finishedBefore) || Object.keys(finishedBefore ?? {}).length > 0',
    replace: 'return true',
    fails: `${ofRealms} what is no date, or an invalid one, is refused`,
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
    file: 'src/model/checks.ts',
    find: 'MAX_INDEXED_BYTES = 2000',
    replace: 'MAX_INDEXED_BYTES = 3000',
    fails: 'test/contract/hosts/long-texts.test.ts > on SQLite in memory > is refused past 2,000 bytes',
  },
  {
    file: 'src/flow-runs/create-flow-runs.ts',
    find: "stateType === 'SCHEDULED' && input.nextScheduledStartTime === undefined",
    replace: 'input.nextScheduledStartTime === undefined',
    fails: 'test/contract/create-flow-runs-defaults.test.ts > on SQLite in memory > due at once unless',
  },
  {
    file: 'src/flow-runs/create-flow-runs.ts',
    find: 'flowId !== undefined ||',
    replace: 'true ||',
    fails: 'test/contract/hosts/inputs.test.ts > on SQLite in memory > idempotency key without its flow',
  },
  {
    file: 'src/sql/lists.ts',
    find: 'prefix.replace(/[A-Z]/g, (letter) => letter.toLowerCase())',
    replace: 'prefix.toLowerCase()',
    fails:
      'test/contract/read-work-queues.test.ts > on SQLite in memory > startsWith ignores the case of ASCII letters, and of no others',
  },
  {
    file: 'src/sql/lists.ts',
    find: '.filter((record) => record !== undefined)',
    replace: '.filter((record) => record !== undefined).toReversed()',
    fails: 'test/contract/claim-runs-in-work-queue.test.ts > on SQLite in memory > takes runs by start time',
  },
  {
    file: 'src/model/checks.ts',
    find: "import * as z from 'zod'",
    replace: "import { z } from 'zod'",
    fails: 'test/unit/bundled.test.ts > no more of zod than is used',
  },
]
