import {
  Kysely,
  type KyselyPlugin,
  MysqlAdapter,
  MysqlIntrospector,
  MysqlQueryCompiler,
  DummyDriver,
  sql,
} from 'kysely'
import {
  decodeTime,
  encodeTime,
  InvalidInputError,
  readFlowRuns,
  UnsupportedDialectError,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { databases, postgres } from '../../support/databases.js'
import { type Contract, describeOnDatabases } from '../../support/describe-databases.js'
import { testId } from '../../support/factory.js'
import { prefectDatabases } from '../../support/prefect-databases.js'
import { standIn } from './stand-in.js'

// A host's own statements with our columns of times: what it writes, compares, sorts by and reads.

type Db = Kysely<WorkQueueTables>

/** Times as they stand in the database, in their order; Prefect writes microseconds. With the millisecond that each is read as. */
const STORED: readonly (readonly [text: string, time: string])[] = [
  ['0001-01-01 00:00:00.000000', '0001-01-01T00:00:00.000Z'],
  ['1969-12-31 23:59:59.999999', '1969-12-31T23:59:59.999Z'],
  ['1970-01-01 00:00:00.000000', '1970-01-01T00:00:00.000Z'],
  ['2026-03-02 03:04:05.677999', '2026-03-02T03:04:05.677Z'],
  ['2026-03-02 03:04:05.678000', '2026-03-02T03:04:05.678Z'],
  ['2026-03-02 03:04:05.678001', '2026-03-02T03:04:05.678Z'],
  ['2026-03-02 03:04:05.678999', '2026-03-02T03:04:05.678Z'],
  ['2026-03-02 03:04:05.679000', '2026-03-02T03:04:05.679Z'],
  // The day whose number is the month's in another DateStyle.
  ['2026-11-12 00:00:00.000000', '2026-11-12T00:00:00.000Z'],
  ['2026-12-11 00:00:00.000000', '2026-12-11T00:00:00.000Z'],
  ['9999-12-31 23:59:59.999000', '9999-12-31T23:59:59.999Z'],
]

const FIRST_DAY = Date.UTC(-4713, 10, 24)

/** What SQLite has no text for. */
const ON_POSTGRES: readonly (readonly [text: string, time: number])[] = [
  ['-infinity', -8.64e15],
  ['4714-11-24 00:00:00+00 BC', FIRST_DAY],
  ['0044-03-15 12:00:00+00 BC', Date.parse('-000043-03-15T12:00:00.000Z')],
  ['10000-01-01 00:00:00+00', Date.parse('+010000-01-01T00:00:00.000Z')],
  ['infinity', 8.64e15],
]

const dateStyles = ['ISO, MDY', 'German, DMY', 'SQL, DMY', 'SQL, MDY', 'Postgres, DMY', 'ISO, YMD']
const timeZones = ['UTC', 'Asia/Kolkata', 'America/St_Johns', 'Pacific/Kiritimati']

/** The times with the ids of runs that are due then, in their order. */
async function makeRuns(t: Contract): Promise<{ id: string; time: number; micros: number }[]> {
  const isPostgres = t.kind.dialect === 'postgres'
  const onBoth = STORED.map(([text, time]) => ({
    text: isPostgres ? `${text}+00` : text,
    time: Date.parse(time),
    micros: Date.parse(time) * 1000 + Number(text.slice(-3)),
  }))
  const more = isPostgres ? ON_POSTGRES.map(([text, time]) => ({ text, time, micros: time * 1000 })) : []
  const all = [...onBoth, ...more].toSorted((a, b) => a.micros - b.micros)
  const runs = all.map(({ time, micros }, n) => ({ id: testId(n), time, micros }))
  // In another order than that of their times, so that an order is one that the database makes.
  for (const n of [...all.keys()].toReversed()) {
    await t.make.run({ id: testId(n), next_scheduled_start_time: all[n]?.text ?? '' })
  }
  return runs
}

const ids = (rows: readonly { id: string }[]): string[] => rows.map(({ id }) => id)

/** The runs for which a comparison of their start time with another holds, by a host's statement. */
async function compared(db: Db, operator: '<' | '<=' | '=' | '>=' | '>', time: Date): Promise<string[]> {
  const runs = await db
    .selectFrom('flow_run')
    .select('id')
    .where('next_scheduled_start_time', operator, encodeTime(db, time))
    .orderBy('next_scheduled_start_time')
    .execute()
  return ids(runs)
}

async function expectCompared(db: Db, runs: Awaited<ReturnType<typeof makeRuns>>): Promise<void> {
  const stored = [...new Set(runs.map(({ time }) => time))]
  // What is older than the first day of PostgreSQL is written as `-infinity`, as the end of `Date` is.
  const between = stored.flatMap((time) => [time - 1, time + 1]).filter((time) => time > FIRST_DAY && time < 1e15)
  for (const time of [...stored, ...between].filter((each) => isWritten(db, each))) {
    const [at, before] = [new Date(time), runs.filter(({ micros }) => micros < time * 1000)]
    const same = runs.filter(({ micros }) => micros === time * 1000)
    const after = runs.slice(before.length + same.length)
    expect(await compared(db, '<', at), `< ${time}`).toEqual(ids(before))
    expect(await compared(db, '<=', at), `<= ${time}`).toEqual(ids([...before, ...same]))
    expect(await compared(db, '=', at), `= ${time}`).toEqual(ids(same))
    expect(await compared(db, '>=', at), `>= ${time}`).toEqual(ids([...same, ...after]))
    expect(await compared(db, '>', at), `> ${time}`).toEqual(ids(after))
  }
}

/** SQLite's text ends with the years 1 and 9999. */
function isWritten(db: Db, time: number): boolean {
  const year = new Date(time).getUTCFullYear()
  return encodeTime(db, new Date(0)).includes('T') || (year >= 1 && year <= 9999)
}

describeOnDatabases(
  'a host’s own statement',
  (t) => {
    const timeType = () => (t.kind.dialect === 'postgres' ? sql`timestamptz` : sql`datetime`)

    test('compares its times with stored ones, to the microsecond, and sorts by them', async () => {
      const runs = await makeRuns(t)
      await expectCompared(t.db, runs)
    })

    test('finds the runs that a filter of ours finds', async () => {
      const runs = await makeRuns(t)
      for (const { time } of runs) {
        const before = new Date(time)
        if (before.getUTCFullYear() < 1 || before.getUTCFullYear() > 9999) continue
        const filter = { nextScheduledStartTime: { before } }
        const found = await readFlowRuns(t.db, { filter, orderBy: 'nextScheduledStartTime' })
        expect(await compared(t.db, '<=', before)).toEqual(ids(found))
      }
    })

    test('writes times that functions read as they were', async () => {
      const runs = await makeRuns(t)
      const written = runs.map(({ time }) => new Date(time)).filter((time) => isWritten(t.db, time.getTime()))
      for (const time of written) {
        const at = encodeTime(t.db, time)
        await t.db.updateTable('flow_run').set({ end_time: at, start_time: at }).execute()
        const [run] = await readFlowRuns(t.db, { limit: 1 })
        expect(run).toMatchObject({ startTime: time, endTime: time })
      }
    })

    test('sorts a column of its own among ours', async () => {
      const runs = await makeRuns(t)
      const { plain } = t.database
      await plain.schema
        .createTable('reminder')
        .addColumn('id', 'integer')
        .addColumn('at', timeType(), (column) => column.notNull())
        .execute()
      const times = [...new Set(runs.map(({ time }) => time))].filter((time) => isWritten(t.db, time))
      for (const [id, time] of times.entries()) {
        await (plain as Kysely<any>)
          .insertInto('reminder')
          .values({ id, at: encodeTime(plain, new Date(time)) })
          .execute()
      }
      // Each before the runs that are due in the millisecond that it names.
      const { rows } = await sql<{ time: unknown; is_run: unknown }>`
        select at as time, 0 as is_run from ${sql.table(await nameOf(t, 'reminder'))}
        union all
        select next_scheduled_start_time, 1 from ${sql.table(await nameOf(t, 'flow_run'))} order by 1, 2
      `.execute(plain)
      const expected = [
        ...runs.map(({ time, micros }) => ({ time, micros, rank: 1 })),
        ...times.map((time) => ({ time, micros: time * 1000, rank: 0 })),
      ].toSorted((a, b) => a.micros - b.micros || a.rank - b.rank)
      expect(rows.map(({ time }) => decodeTime(time as Date).getTime())).toEqual(expected.map(({ time }) => time))
    })

    test('reads times that it decodes to the records’ ones, whatever its driver makes of them', async () => {
      const runs = await makeRuns(t)
      const rows = await t.db
        .selectFrom('flow_run')
        .select(['id', 'next_scheduled_start_time as at', 'end_time as ended'])
        .orderBy('next_scheduled_start_time')
        .execute()
      expect(rows.map(({ at }) => decodeTime(at)?.getTime())).toEqual(runs.map(({ time }) => time))
      expect(rows.map(({ ended }) => decodeTime(ended))).toEqual(runs.map(() => null))
      // A time that was read has lost its microseconds: it is not found by them again.
      const cut = runs.filter(({ time, micros }) => micros !== time * 1000)
      expect(cut.length).toBeGreaterThan(2)
      for (const { id, time } of cut) expect(await compared(t.db, '=', new Date(time))).not.toContain(id)
    })

    test('has its times from any session, and asks nothing for them', async () => {
      const time = new Date('2035-01-01T12:00:00.123Z')
      const text = t.kind.dialect === 'postgres' ? '2035-01-01T12:00:00.123Z' : '2035-01-01 12:00:00.123000'
      const hostile: KyselyPlugin = {
        transformQuery: () => {
          throw new Error('asked')
        },
        transformResult: async ({ result }) => result,
      }
      const sent = t.database.statements.length
      for (const db of [t.db.withPlugin(hostile), standIn(() => t.db), t.db]) expect(encodeTime(db, time)).toBe(text)
      expect(t.database.statements.length).toBe(sent)
      await t.db.transaction().execute(async (trx) => expect(encodeTime(trx, time)).toBe(text))
    })

    test('writes what is older than the database can say as the oldest that it has', async () => {
      const runs = await makeRuns(t)
      const [first] = runs
      expect(await compared(t.db, '<=', new Date(-8.64e15 + 1))).toEqual([first?.id])
      expect(await compared(t.db, '>', new Date(-8.64e15 + 1))).toEqual(ids(runs.slice(1)))
    })

    test.each([new Date(NaN), '2035-01-01T12:00:00Z', 0, null, undefined])('cannot write %s', (time) => {
      expect(() => encodeTime(t.db, time as Date)).toThrow(InvalidInputError)
      expect(() => encodeTime(t.db, time as Date)).toThrow('time: must be a valid Date')
    })
  },
  [...databases, ...prefectDatabases],
)

describeOnDatabases(
  'whatever a server’s DateStyle and time zone, a host’s own statement',
  (t) => {
    test.each(dateStyles.map((style, n) => [style, timeZones[n % timeZones.length] ?? ''] as const))(
      '%s, %s, compares, sorts, writes and reads the same times',
      async (dateStyle, timeZone) => {
        const runs = await makeRuns(t)
        await t.db.connection().execute(async (db) => {
          await sql`select set_config('DateStyle', ${dateStyle}, false), set_config('TimeZone', ${timeZone}, false)`.execute(
            db,
          )
          await expectCompared(db, runs)
          const rows = await db
            .selectFrom('flow_run')
            .select(sql<string>`cast(extract(epoch from next_scheduled_start_time) as text)`.as('at'))
            .orderBy('next_scheduled_start_time')
            .execute()
          expect(rows.map(({ at }) => decodeTime(at).getTime())).toEqual(runs.map(({ time }) => time))
        })
      },
    )
  },
  [postgres],
)

test('encodeTime refuses a dialect that is not supported', () => {
  const db = new Kysely<WorkQueueTables>({
    dialect: {
      createAdapter: () => new MysqlAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (each) => new MysqlIntrospector(each),
      createQueryCompiler: () => new MysqlQueryCompiler(),
    },
  })
  expect(() => encodeTime(db, new Date(0))).toThrow(UnsupportedDialectError)
})

/** A table's name as `sql` needs it, which knows nothing of `withSchema`. */
async function nameOf({ kind, database }: Contract, table: string): Promise<string> {
  if (kind.dialect === 'sqlite') return table
  const tables = await database.plain.introspection.getTables()
  const schema = tables.find(({ name }) => name === table)?.schema
  return `${schema}.${table}`
}
