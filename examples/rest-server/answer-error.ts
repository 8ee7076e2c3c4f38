// Every error as an answer, in one table.

import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import {
  DefaultWorkQueueError,
  FlowRunNotFoundError,
  FlowRunStateConflictError,
  InvalidInputError,
  isRetryable,
  WorkPoolExistsError,
  WorkPoolNotFoundError,
  WorkQueueExistsError,
  WorkQueueNotFoundError,
} from 'kysely-work-queues'
import { BadRequestBody, type Detail, ofInput } from './details.js'

/** The status of each typed error, and what Prefect's server says then. */
const ANSWERS = [
  on(WorkQueueNotFoundError, 404, ({ id }) => ({ exception_message: `Work queue with id ${id} not found` })),
  on(WorkPoolNotFoundError, 404, ({ id }) => ({ exception_message: `Work pool with id ${id} not found` })),
  on(FlowRunNotFoundError, 404, ({ id }) => ({ exception_message: `Flow run with id ${id} not found` })),
  on(WorkQueueExistsError, 409, () => ({ detail: 'A work queue with this name already exists.' })),
  on(WorkPoolExistsError, 409, () => ({ detail: 'A work pool with this name already exists.' })),
  on(DefaultWorkQueueError, 409, ({ message }) => ({ detail: message })),
  on(FlowRunStateConflictError, 409, ({ message }) => ({ detail: message })),
]

interface Answer {
  readonly status: ContentfulStatusCode
  readonly body: object
}

/** How errors of a class are answered. */
function on<E extends Error>(
  type: new (...args: never[]) => E,
  status: ContentfulStatusCode,
  say: (error: E) => object,
): (error: Error) => Answer | undefined {
  return (error) => (error instanceof type ? { status, body: say(error) } : undefined)
}

/** Answers with what went wrong. */
export function answerError(error: Error, c: Context): Response {
  if (error instanceof HTTPException) return c.json({ detail: error.message }, error.status)
  if (error instanceof BadRequestBody) return refuse(c, error.details, error.body)
  if (error instanceof InvalidInputError) {
    const body: unknown = c.get('body')
    return refuse(
      c,
      error.issues.map((issue) => ofInput(issue, body)),
      body,
    )
  }
  for (const answerOf of ANSWERS) {
    const answer = answerOf(error)
    if (answer !== undefined) return c.json(answer.body, answer.status)
  }
  // Prefect's clients try again on 503.
  if (isRetryable(error)) return c.json({ exception_message: 'Service Unavailable' }, 503)
  console.error(error)
  return c.json({ exception_message: 'Internal Server Error' }, 500)
}

function refuse(c: Context, details: readonly Detail[], body: unknown): Response {
  return c.json(
    { exception_message: 'Invalid request received.', exception_detail: details, request_body: body ?? null },
    422,
  )
}

/** What was read, or 404. */
export function found<T>(value: T | undefined, detail: string): T {
  if (value === undefined) throw new HTTPException(404, { message: detail })
  return value
}

/** Reads by a name out of a path. One that nothing can have is not refused: nothing has it. */
export async function orNothing<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read
  } catch (error) {
    if (error instanceof InvalidInputError) return undefined
    throw error
  }
}
