import pg from 'pg'

/** A pool that goes on when a connection ends: an `error` that nobody listens to would end the process. */
export function openPool(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool(config)
  // The call that is under way rejects all the same, and the next one gets another connection.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}
