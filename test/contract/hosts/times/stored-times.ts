/** Every column of a time that is read into a record, with the property that it is. */
export const timeColumns = {
  work_pool: { created: 'created', updated: 'updated', last_transitioned_status_at: 'lastTransitionedStatusAt' },
  work_queue: { created: 'created', updated: 'updated', last_polled: 'lastPolled' },
  worker: { created: 'created', updated: 'updated', last_heartbeat_time: 'lastHeartbeatTime' },
  flow_run: {
    created: 'created',
    updated: 'updated',
    state_timestamp: 'stateTimestamp',
    expected_start_time: 'expectedStartTime',
    next_scheduled_start_time: 'nextScheduledStartTime',
    start_time: 'startTime',
    end_time: 'endTime',
  },
} as const

const END_OF_DATE = 8.64e15

/** Times as they stand in the database, and as they are read: milliseconds since 1970. */
export const onBoth: Record<string, number> = {
  '2026-03-02 03:04:05.678901': Date.parse('2026-03-02T03:04:05.678Z'),
  '2026-03-02 03:04:05.999999': Date.parse('2026-03-02T03:04:05.999Z'),
  '2026-11-12 00:00:00.000000': Date.parse('2026-11-12T00:00:00.000Z'),
  '1970-01-01 00:00:00.000000': 0,
  '1969-12-31 23:59:59.999999': -1,
  '1969-12-31 23:59:58.500000': -1500,
  '1969-12-31 23:59:58.499999': -1501,
  '1890-01-01 00:00:00.000000': Date.parse('1890-01-01T00:00:00.000Z'),
  '0001-01-01 00:00:00.000000': Date.parse('0001-01-01T00:00:00.000Z'),
  '0099-02-03 04:05:06.789000': Date.parse('0099-02-03T04:05:06.789Z'),
  '9999-12-31 23:59:59.999999': Date.parse('9999-12-31T23:59:59.999Z'),
}
export const onPostgres: Record<string, number> = {
  infinity: END_OF_DATE,
  '-infinity': -END_OF_DATE,
  '10000-01-01 00:00:00.5': Date.parse('+010000-01-01T00:00:00.500Z'),
  // PostgreSQL has a day more, whose last hours it cannot print itself in a zone east of UTC, not as JSON either.
  '294276-12-30 23:59:59.999999': END_OF_DATE,
  '0044-03-15 12:00:00 BC': Date.parse('-000043-03-15T12:00:00.000Z'),
  '0001-12-31 23:59:59.999999 BC': Date.parse('0000-12-31T23:59:59.999Z'),
  '4713-01-01 00:00:00 BC': Date.parse('-004712-01-01T00:00:00.000Z'),
}
export const onSqlite: Record<string, number> = {
  '2026-03-02 03:04:05': Date.parse('2026-03-02T03:04:05.000Z'),
  '2026-03-02 03:04:05.678': Date.parse('2026-03-02T03:04:05.678Z'),
  '2026-03-02 03:04:05.67': Date.parse('2026-03-02T03:04:05.670Z'),
  '2026-03-02 03:04': Date.parse('2026-03-02T03:04:00.000Z'),
  '2026-03-02': Date.parse('2026-03-02T00:00:00.000Z'),
  '2026-03-02T03:04:05.678901': Date.parse('2026-03-02T03:04:05.678Z'),
  '2026-03-02T03:04:05.678901Z': Date.parse('2026-03-02T03:04:05.678Z'),
  '2026-03-02 03:04:05.678901+00:00': Date.parse('2026-03-02T03:04:05.678Z'),
  '2026-03-02 03:04:05+05:30': Date.parse('2026-03-01T21:34:05.000Z'),
  '2026-03-02 03:04:05+0530': Date.parse('2026-03-01T21:34:05.000Z'),
  '2026-03-02 03:04:05-03': Date.parse('2026-03-02T06:04:05.000Z'),
  '1890-01-01 00:53:28+00:53:28': Date.parse('1890-01-01T00:00:00.000Z'),
  '9999-12-31 23:59:59.999-05:00': Date.parse('+010000-01-01T04:59:59.999Z'),
}
