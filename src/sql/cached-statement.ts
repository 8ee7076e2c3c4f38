import { CompiledQuery, type RawBuilder, sql } from 'kysely'
import type { Scope } from '../session.js'

/** Names a parameter inside a statement that is built once. */
export type Parameter = (name: string) => RawBuilder<unknown>

interface Text {
  readonly sql: string
  /** The name of each parameter, in the order of the text. */
  readonly names: readonly string[]
}

class Placeholder {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

// The texts of our own statements, by dialect, schema and shape: a few dozen for each schema. Building and
// compiling one takes longer than SQLite takes to run it (a poll: 0.35 ms of 0.6), and it is the same text
// every time.
const texts = new Map<string, Text>()

// The same texts, to distinguish them from a host's.
const ownTexts = new Set<string>()

/** Whether a text is one of the library's own, which is the same at every call. */
export function isOwnText(text: string): boolean {
  return ownTexts.has(text)
}

/** For a host with a schema for each of its tenants: begun anew at this size, which takes some megabytes. */
const MOST_TEXTS = 2000

/**
 * Runs a statement whose text is built once for each shape.
 *
 * @param shape - What the text depends on, beside dialect and schema: the statement's name and the options
 *   that change its text.
 * @param build - Builds the statement. Every value that differs from call to call has to be a parameter.
 * @param values - The values of the parameters.
 */
export async function runStatement<Row>(
  { db, dialect, schema }: Scope,
  shape: string,
  build: (parameter: Parameter) => RawBuilder<Row>,
  values: Readonly<Record<string, unknown>>,
): Promise<Row[]> {
  const key = `${dialect} ${schema ?? ''} ${shape}`
  let text = texts.get(key)
  if (text === undefined) {
    const compiled = build((name) => sql`${new Placeholder(name)}`).compile(db)
    text = { sql: compiled.sql, names: compiled.parameters.map((placeholder) => (placeholder as Placeholder).name) }
    if (texts.size >= MOST_TEXTS) {
      texts.clear()
      ownTexts.clear()
    }
    ownTexts.add(text.sql)
    texts.set(key, text)
  }
  const parameters = text.names.map((name) => values[name])
  const { rows } = await db.executeQuery<Row>(CompiledQuery.raw(text.sql, parameters))
  return rows
}
