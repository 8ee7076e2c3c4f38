// Every error as an answer, in one table.

import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { InvalidInputError, isRetryable, WorkQueueError } from 'kysely-work-queues'
import { BadRequestBody, type Detail, ofInput } from './details.js'

/** The status of each typed error, by the code that the error has for that. */
const STATUS_OF_CODE: Record<string, ContentfulStatusCode> = {
  WORK_QUEUE_NOT_FOUND: 404,
  WORK_POOL_NOT_FOUND: 404,
  FLOW_RUN_NOT_FOUND: 404,
  WORK_QUEUE_EXISTS: 409,
  WORK_POOL_EXISTS: 409,
  DEFAULT_WORK_QUEUE: 409,
  FLOW_RUN_STATE_CONFLICT: 409,
  INVALID_INPUT: 422,
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
  const status = error instanceof WorkQueueError ? STATUS_OF_CODE[error.code] : undefined
  if (status !== undefined) return c.json({ detail: error.message }, status)
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
