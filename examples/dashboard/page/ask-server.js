// What the page asks the server for, and what it tells it to change.

/** @import { Overview, QueueDetail, RunDetail } from '../dashboard-answers.js' */

import { setServerTime } from './times.js'

/**
 * @param {string} openPoolIds
 * @returns {Promise<{ overview: Overview, hasChanges: boolean }>}
 */
export async function askOverview(openPoolIds) {
  const response = await ask(`api/overview?open=${openPoolIds}`)
  setServerTime(response.headers.get('x-server-time'))
  return { overview: await response.json(), hasChanges: response.headers.get('x-has-changes') === 'true' }
}

/**
 * @param {string} id
 * @returns {Promise<QueueDetail>}
 */
export async function askQueue(id) {
  return await (await ask(`api/queues/${id}`)).json()
}

/**
 * @param {string} id
 * @returns {Promise<RunDetail>}
 */
export async function askRun(id) {
  return await (await ask(`api/runs/${id}`)).json()
}

/**
 * @param {string} id
 * @param {{ isPaused?: boolean, concurrencyLimit?: number | null }} patch
 */
export async function changeQueue(id, patch) {
  await change(`api/queues/${id}`, patch)
}

/**
 * @param {string} id
 * @param {{ isPaused?: boolean, concurrencyLimit?: number | null }} patch
 */
export async function changePool(id, patch) {
  await change(`api/pools/${id}`, patch)
}

/**
 * @param {string} workPoolId
 * @param {Readonly<Record<string, number>>} priorities By queue id.
 */
export async function changePriorities(workPoolId, priorities) {
  await change(`api/pools/${workPoolId}/priorities`, priorities)
}

/**
 * @param {string} path
 * @param {object} body
 */
async function change(path, body) {
  await ask(path, { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
}

/** The server answered that it does not do it, and why. */
export class RefusedError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 */
async function ask(path, init) {
  const response = await fetch(path, init)
  if (!response.ok) throw new RefusedError(response.status, await messageOf(response))
  return response
}

/**
 * What an answer says is wrong.
 *
 * @param {Response} response
 */
async function messageOf(response) {
  /** @type {{ detail?: string, exception_message?: string, exception_detail?: readonly { loc: readonly string[], msg: string }[] }} */
  const { detail, exception_message, exception_detail = [] } = await response.json().catch(() => ({}))
  const details = exception_detail.map(({ loc, msg }) => `${loc.at(-1)}: ${msg}`)
  return details.join('; ') || detail || exception_message || `The server answered ${response.status}`
}
