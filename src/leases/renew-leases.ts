import { addSeconds } from 'date-fns/addSeconds'
import * as z from 'zod'
import { check, idSchema, nowShape, type NowOption } from '../model/checks.js'
import { DEFAULT_LEASE_SECONDS, holderSchema, leaseSecondsSchema } from '../model/flow-run-lease.js'
import { encodeTime } from '../model/values.js'
import type { StateType } from '../rules/states.js'
import { open, type RequiredTables, type Scope, type Session, transact } from '../session.js'
import { runStatement } from '../sql/cached-statement.js'
import { encodeIdList } from '../sql/lists.js'
import { requireTable } from '../sql/optional-tables.js'
import { dropVoidLeases, renewHeldLeases } from './renewal.sqlite.js'
import { renewAndDrop } from './renewal.postgres.js'

/** How leases are renewed. */
export interface RenewLeasesOptions extends NowOption {
  /** How long the leases are from now on, in whole seconds. Default: 60. */
  leaseSeconds?: number | undefined
  /** Only the leases of these runs. Default: all of the holder's. */
  flowRunIds?: readonly string[] | undefined
}

/** What a holder holds, and what it does not any more. */
export interface RenewedLeases {
  /** The runs whose leases were renewed, by id. */
  held: string[]
  /** Those of them that are CANCELLING, by id: the holder should stop them. */
  cancelling: string[]
  /** Of `flowRunIds`, those that are not held, in the order asked; none where that was not given. */
  lost: string[]
}

const optionsSchema = z.strictObject({
  leaseSeconds: leaseSecondsSchema.default(DEFAULT_LEASE_SECONDS),
  flowRunIds: z.array(idSchema).optional(),
  ...nowShape,
})

/**
 * Renews the leases of a holder: each that holds expires `leaseSeconds` from now. A holder does so on a
 * timer, three times in the length of a lease, say, and learns what it holds, what it should stop, and what
 * it has lost.
 *
 * A lease that has expired and was not released yet is renewed as well. One that is lost was released, or its
 * run ended, or was claimed by somebody else: the holder should stop its work on it, whose end would be
 * refused under the `expectedStateId` that it knows. The holder's void leases are dropped: those of runs that
 * have ended since.
 *
 * One statement on PostgreSQL, two on SQLite, in a transaction.
 *
 * @param holder - The name that the claims were made in.
 * @throws {InvalidInputError} when an argument is not valid. An empty list of runs is valid, and matches
 *   nothing.
 * @throws {MissingTableError} when there is no table of leases.
 *
 * @example
 * ```ts
 * const { cancelling, lost } = await renewLeases(db, 'worker-1', { flowRunIds: [run.id] })
 * for (const id of [...cancelling, ...lost]) console.log('stop', id)
 * ```
 */
export async function renewLeases<DB extends RequiredTables>(
  session: Session<DB>,
  holder: string,
  options: RenewLeasesOptions = {},
): Promise<RenewedLeases> {
  const name = check(holderSchema, holder, 'holder')
  const { leaseSeconds, flowRunIds, now } = check(optionsSchema, options)
  return await open(session, async (scope) => {
    await requireTable(scope, 'flow_run_lease', 'write')
    const renewal = { holder: name, leaseSeconds, flowRunIds, now }
    const rows = scope.dialect === 'postgres' ? await onPostgres(scope, renewal) : await onSqlite(scope, renewal)
    const held = rows.map(({ flowRunId }) => flowRunId)
    const isHeld = new Set(held)
    return {
      held,
      cancelling: rows.filter(({ stateType }) => stateType === 'CANCELLING').map(({ flowRunId }) => flowRunId),
      lost: [...new Set(flowRunIds)].filter((id) => !isHeld.has(id)),
    }
  })
}

interface Renewal {
  readonly holder: string
  readonly leaseSeconds: number
  readonly flowRunIds: readonly string[] | undefined
  readonly now: Date | undefined
}

/** A run whose lease was renewed. */
interface Row {
  readonly flowRunId: string
  readonly stateType: StateType
}

async function onPostgres(scope: Scope, { holder, leaseSeconds, flowRunIds, now }: Renewal): Promise<readonly Row[]> {
  return await runStatement<Row>(
    scope,
    `renew-leases ${flowRunIds !== undefined} ${now === undefined}`,
    (parameter) => renewAndDrop(scope, parameter, { isOfRuns: flowRunIds !== undefined, isNow: now === undefined }),
    {
      holder,
      leaseSeconds,
      flowRunIds: flowRunIds && encodeIdList(flowRunIds, 'postgres'),
      now: now && encodeTime(now, 'postgres'),
    },
  )
}

async function onSqlite(scope: Scope, { holder, leaseSeconds, flowRunIds, now }: Renewal): Promise<readonly Row[]> {
  return await transact(scope, async (inside) => {
    const rows = await runStatement<Row>(
      inside,
      `renew-leases ${flowRunIds !== undefined}`,
      (parameter) => renewHeldLeases(inside, parameter, flowRunIds !== undefined),
      {
        holder,
        flowRunIds: flowRunIds && encodeIdList(flowRunIds, 'sqlite'),
        expiresAt: encodeTime(addSeconds(now ?? new Date(), leaseSeconds), 'sqlite'),
      },
    )
    await runStatement(inside, 'drop-leases', (parameter) => dropVoidLeases(inside, parameter('holder')), { holder })
    return rows.toSorted((a, b) => (a.flowRunId < b.flowRunId ? -1 : 1))
  })
}
