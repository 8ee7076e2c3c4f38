import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { postgres } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'

// PostgreSQL writes no index entry for an update that changes no column of any index, whatever the index's condition. Seen to fail with
// `updated` in the end of the index of ended runs.
describeOnDatabases(
  'an update of a run that changes no state',
  (t) => {
    test.each(['SCHEDULED', 'RUNNING', 'COMPLETED'])('writes no index entry when it is %s', async (state_type) => {
      const id = await t.make.run({ state_type, end_time: state_type === 'COMPLETED' ? new Date(0) : null })
      await t.database.plain.transaction().execute(async (trx) => {
        const heartbeat = {
          infrastructure_pid: '1',
          updated: new Date().toISOString(),
          end_time: sql`end_time` as never,
        }
        await trx.updateTable('flow_run').set(heartbeat).where('id', '=', id).execute()
        const { rows } = await sql`
          select cast(n_tup_upd as integer) as updated, cast(n_tup_hot_upd as integer) as cheap
          from pg_stat_xact_user_tables where relname = 'flow_run'`.execute(trx)
        expect(rows).toEqual([{ updated: 1, cheap: 1 }])
      })
    })
  },
  [postgres],
)
