// Ids and methods of paths.

import type { Context, Hono } from 'hono'

/** An id in a path: a UUID with or without its dashes. */
export const ID = ':id{[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}}'

/** The id in a request's path, in its usual spelling. */
export function idOf(c: Context): string {
  return toUuid(c.req.param('id') ?? '')
}

const UUID = /^(?:urn:uuid:)?\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?$/i

/** Spells a UUID as usual that came without dashes, in braces or as a URN. What is none is given back as it is. */
export function toUuid<T>(value: T): T | string {
  const parts = typeof value === 'string' ? UUID.exec(value) : null
  return parts === null ? value : parts.slice(1).join('-').toLowerCase()
}

const METHODS = ['GET', 'POST', 'PATCH', 'DELETE']

/** The methods that a path has, if any. */
export function allowedMethods(app: Hono, path: string): string[] {
  return METHODS.filter((method) => app.router.match(method, path)[0].some(([[, route]]) => route.method === method))
}
