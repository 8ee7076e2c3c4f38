// What clients of other releases need. They say in the header of each request which they are.

import type { Context, Next } from 'hono'
import { HTTPException } from 'hono/http-exception'

/** The release of Prefect whose routes these are. */
export const PREFECT_VERSION = '3.8.8'

/** The version of its API, and the oldest that clients may ask for. */
export const API_VERSION = '0.8.4'
const MINIMUM_API_VERSION = '0.8.0'

type Version = readonly number[]

/** Refuses a request for a version of the API that is too old. */
export async function checkApiVersion(c: Context, next: Next): Promise<void> {
  const asked = c.req.header('x-prefect-api-version')
  if (asked) {
    const version = toVersion(asked)
    if (version === undefined) {
      const message = `Invalid X-PREFECT-API-VERSION header format. Expected x.y.z, got ${asked}`
      throw new HTTPException(400, { message })
    }
    if (isBefore(version, [0, 8, 0])) {
      const message = `The request asks for API version ${asked}, and this server has ${MINIMUM_API_VERSION} or higher.`
      throw new HTTPException(400, { message })
    }
  }
  await next()
}

/** Clients up to 3.3.7 fail when a pool's storage configuration has a key that is younger than they are. */
export function isOlderThanResultStorage(c: Context): boolean {
  const [, release, rest = ''] =
    /^prefect\/(\d+\.\d+\.\d+)([a-z.+0-9]*) \(API \S+\)$/.exec(c.req.header('user-agent') ?? '') ?? []
  const version = release === undefined ? undefined : toVersion(release)
  return version !== undefined && (isBefore(version, [3, 3, 7]) || (release === '3.3.7' && !/^(\+|\.post)/.test(rest)))
}

function toVersion(text: string): Version | undefined {
  return /^\d+\.\d+\.\d+$/.test(text) ? text.split('.').map(Number) : undefined
}

function isBefore(version: Version, other: Version): boolean {
  const place = version.findIndex((part, i) => part !== other[i])
  return place >= 0 && (version[place] ?? 0) < (other[place] ?? 0)
}
