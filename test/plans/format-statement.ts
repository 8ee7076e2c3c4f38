import { format } from 'sql-formatter'

/** A statement as a person reads it. Only its white space differs from what was sent. */
export function formatStatement(statement: string, dialect: 'postgres' | 'sqlite'): string {
  const formatted = format(statement, {
    language: dialect === 'postgres' ? 'postgresql' : 'sqlite',
    expressionWidth: 110,
  })
  return withShortClausesOnOneLine(formatted)
}

/** The formatter puts each clause on a line and what follows on the next: a clause of one such line stands on one. */
function withShortClausesOnOneLine(text: string): string {
  const lines = text.split('\n')
  for (let i = lines.length - 2; i >= 0; i--) {
    const [line = '', next = '', after = ''] = lines.slice(i, i + 3)
    const isClause = /^\s*(?:[a-z]+ )*(?:select|from|where|limit|by|set|on|update|into|values|returning|with)$/.test(
      line,
    )
    const isAlone = indentOf(next) > indentOf(line) && indentOf(after) < indentOf(next)
    if (isClause && isAlone && line.length + next.trim().length < 110) lines.splice(i, 2, `${line} ${next.trim()}`)
  }
  return lines.join('\n')
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length
}
