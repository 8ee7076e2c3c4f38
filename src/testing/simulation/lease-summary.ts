import { differenceInMilliseconds } from 'date-fns/differenceInMilliseconds'
import type { PollingHistory } from './history.js'

/** What became of runs whose pollers died, stalled, or could not renew their leases, in figures. */
export interface LeaseSummary {
  renewals: number
  failedRenewals: number
  deaths: number
  stalls: number
  /** How often a lease expired, and its run was released. */
  released: number
  /** How many changes of state came too late, and were refused. */
  refused: number
  /** How many were taken of a poller while another had the run. With leases and the fence 0. */
  doubles: number
  /** How many runs occupy slots at the end, and nobody works on them. */
  held: number
  /**
   * The longest that a run occupied slots after its poller had died, until it was released, or the end.
   * `null`: none did.
   */
  longestHeldSeconds: number | null
}

/** Puts what became of leases into figures. */
export function summarizeLeases({ leases, endedAt }: PollingHistory): LeaseSummary {
  const { renewals, failedRenewals, deaths, stalls, releases, refusals, doubles, held } = leases
  const heldSeconds = [
    ...releases.map(({ deadSeconds }) => deadSeconds),
    ...held.map(({ since }) => since && differenceInMilliseconds(endedAt, since) / 1000),
  ].filter((seconds) => seconds !== null)
  return {
    renewals,
    failedRenewals,
    deaths: deaths.length,
    stalls: stalls.length,
    released: releases.length,
    refused: refusals.length,
    doubles: doubles.length,
    held: held.length,
    longestHeldSeconds: heldSeconds.length === 0 ? null : heldSeconds.reduce((most, each) => Math.max(most, each), 0),
  }
}
