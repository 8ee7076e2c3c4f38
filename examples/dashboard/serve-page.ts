import { readdirSync, readFileSync } from 'node:fs'
import type { Context } from 'hono'
import { routePath } from 'hono/route'

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
}

/** The page's files, by name. */
const files = new Map<string, { readonly type: string; readonly content: string }>()
const folder = new URL('page/', import.meta.url)
for (const name of readdirSync(folder)) {
  const type = TYPES[name.slice(name.lastIndexOf('.') + 1)]
  if (type !== undefined) files.set(name, { type, content: readFileSync(new URL(name, folder), 'utf8') })
}

/** Answers with a file of the page, under the path that the dashboard is mounted on. */
export function servePage(c: Context): Response {
  const base = routePath(c).replace(/\*$/, '')
  // The page's addresses are relative to a path that ends with a slash, whatever a proxy has cut off before it.
  if (!c.req.path.startsWith(base)) return c.redirect(`${c.req.path.slice(c.req.path.lastIndexOf('/') + 1)}/`)
  const file = files.get(c.req.path.slice(base.length) || 'index.html')
  if (file === undefined) return c.text('Not Found', 404)
  return c.body(file.content, 200, { 'content-type': file.type, 'cache-control': 'no-cache' })
}
