import type { Mutation } from './mutation.js'

/** The session: transactions, turns, the first error, prepared statements. */
export const ofSessions: readonly Mutation[] = [
  {
    file: 'src/session.ts',
    find: "if (scope.dialect === 'sqlite') await takeWriteLock(inside)",
    replace: '',
    fails: 'test/concurrency/races-of-claims.test.ts > on SQLite > claim and pause',
  },
  {
    file: 'src/session.ts',
    find: 'return await open(session, (scope) => transact(scope, run))',
    replace: 'return await open(session, run)',
    fails: 'test/concurrency/failures.test.ts > SQLite > of createWorkPool leaves everything',
  },
  {
    file: 'src/session.ts',
    find: `      try {
        await transaction.rollback().execute()
      } catch {`,
    replace: `      try {
        await transaction.rollback().execute()
      } catch (error) {
        throw error`,
    fails: 'test/concurrency/first-error.test.ts > SQLite > is what createWorkPool throws',
  },
  {
    file: 'src/session.ts',
    find: 'return await executor.provideConnection((connection) => run({ ...scope, db: holding(executor, connection) }))',
    replace: 'return await run(scope)',
    fails:
      'test/contract/hosts/calls-at-once.test.ts > on SQLite in memory > make their statements one call after the other',
  },
  {
    file: 'src/session.ts',
    find: 'const bare = host.withoutPlugins()',
    replace: `const kept = ((open as any).kept ??= new WeakMap())
  const bare = kept.get(session) ?? host.withoutPlugins()
  kept.set(session, bare)`,
    fails: 'test/contract/hosts/current-session.test.ts > on SQLite in memory > another transaction at each call',
  },
  {
    file: 'src/session.ts',
    find: `  const host = session as unknown as Kysely<AllTables>
`,
    replace: `  await undefined
  const host = session as unknown as Kysely<AllTables>
`,
    fails: 'test/contract/hosts/current-session.test.ts > on SQLite in memory > is one and the same to createWorkPool',
  },
  {
    file: 'src/session.ts',
    find: 'const db = schema === undefined ? bare : bare.withSchema(schema)',
    replace: 'const db = bare',
    fails: 'test/contract/hosts/current-session.test.ts > on PostgreSQL > alone, is asked at each call',
  },
  {
    file: 'src/postgres.ts',
    find: "typeof text === 'string' && isOwnText(text) &&",
    replace: "typeof text === 'string' &&",
    fails: 'test/contract/hosts/prepared-statements.test.ts > sends all other statements as they are',
  },
  {
    file: 'src/postgres.ts',
    find: 'if (!isOutdated(error)) throw error',
    replace: 'throw error',
    fails: 'test/contract/hosts/prepared-statements.test.ts > the server has forgotten it unseen',
  },
  {
    file: 'src/postgres.ts',
    find: '(?:prepare\\s+)?(?:all\\b|"?kwq_)',
    replace: '',
    fails: 'test/contract/hosts/prepared-statements.test.ts > deallocates a statement of its own',
  },
  {
    file: 'src/postgres.ts',
    find: 'return send(text, ...rest)',
    replace: 'return Promise.resolve(send(text, ...rest))',
    fails: 'test/contract/hosts/prepared-statements.test.ts > returns at once what the client returns to others',
  },
  {
    file: 'src/postgres.ts',
    find: 'callback.length === 0 ?',
    replace: 'callback.length < 9 ?',
    fails:
      'test/contract/hosts/prepared-statements.test.ts > gives the client itself to whoever takes it by a callback',
  },
  {
    file: 'src/postgres.ts',
    find: 'generation < MOST_GENERATIONS && ',
    replace: '',
    fails: 'test/contract/hosts/prepared-statements.test.ts > no more from the hundredth time on',
  },
  {
    file: 'src/postgres.ts',
    find: ' && prepared.size < MOST_PREPARED',
    replace: '',
    fails: 'test/contract/hosts/prepared-statements.test.ts > two hundred statements on a connection',
  },
  {
    file: 'src/postgres.ts',
    find: 'if (isForgotten(error)) prepared.clear()',
    replace: '',
    fails: 'test/contract/hosts/prepared-statements.test.ts > prepares as often as the server forgets',
  },
  {
    file: 'src/postgres.ts',
    find: '`kwq_${v5(text, NAMESPACE)}`',
    replace: '`kwq_${text}`',
    fails: 'test/contract/hosts/prepared-statements.test.ts > names that the server does not cut',
  },
  {
    file: 'src/postgres.ts',
    find: 'if (wrapper === undefined) wrapped.set',
    replace: 'wrapped.set',
    fails: 'test/contract/hosts/prepared-statements.test.ts > gives each client the same wrapper',
  },
  {
    file: 'src/sqlite.ts',
    find: 'isOwnText(text) ?',
    replace: 'isOwnText(text) || true ?',
    fails: 'test/contract/hosts/statements-prepared-once.test.ts > prepares all other statements as they are asked for',
  },
  {
    file: 'src/sql/kept-by-text.ts',
    find: 'if (kept !== undefined) return kept',
    replace: '',
    fails: 'test/contract/hosts/statements-prepared-once.test.ts > prepares a statement of the library once',
  },
  {
    file: 'src/session.ts',
    find: 'return dialectOf((session as unknown as Kysely<AllTables>).withoutPlugins())',
    replace: 'return dialectOf(session as unknown as Kysely<AllTables>)',
    fails: 'test/contract/hosts/host-times.test.ts > on SQLite in memory > from any session',
  },
  {
    file: 'src/host-times.ts',
    find: "typeof value === 'number' && !Number.isFinite(value) ? String(value) : value",
    replace: 'value',
    fails: 'test/unit/decode-host-time.test.ts > reads Infinity',
  },
  {
    file: 'src/model/moments.ts',
    find: '!Number.isNaN(momentOf(value) ?? Number.NaN)',
    replace: 'momentOf(value) !== undefined',
    fails: 'test/contract/hosts/host-times.test.ts > on PostgreSQL > cannot write Invalid Date',
  },
  {
    file: 'src/model/values.ts',
    find: 'return `${iso.slice(0, 10)} ${iso.slice(11, 23)}000`',
    replace: 'return `${iso.slice(0, 10)} ${iso.slice(11, 23)}`',
    fails: 'test/contract/hosts/host-times.test.ts > on SQLite in memory > compares its times',
  },
]
