import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'

/** A table in Markdown. The first column is text, the others are numbers. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(head), line(head.map((_, n) => (n === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n')
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

/** A time in milliseconds, to three digits. */
export function ms(time: number): string {
  const digits = time >= 100 ? 0 : time >= 10 ? 1 : time >= 1 ? 2 : 3
  return time.toFixed(digits)
}

export function ratioText(ratio: number): string {
  return `${ratio.toFixed(2)}×`
}

/** 1k, 10k, 1M. */
export function countText(size: number): string {
  if (size >= 1_000_000) return `${size / 1_000_000}M`
  return size >= 1000 ? `${size / 1000}k` : String(size)
}

/** What a ratio has to be, and what it is. */
export interface Goal {
  readonly name: string
  readonly ratio: number
  readonly atMost: number
}

export function goalTable(goals: readonly Goal[]): string {
  return table(
    ['goal', 'at most', 'measured', ''],
    goals.map(({ name, ratio, atMost }) => [
      name,
      ratioText(atMost),
      ratioText(ratio),
      ratio <= atMost ? 'met' : '**not met**',
    ]),
  )
}

/** Writes sections of the results, each between its markers, and leaves the other sections as they are. */
export async function writeSections(file: URL, sections: Readonly<Record<string, string>>): Promise<void> {
  let text = existsSync(file) ? readFileSync(file, 'utf8') : '# Measured\n'
  for (const [name, content] of Object.entries(sections)) {
    const [start, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`]
    const section = `${start}\n\n${content.trim()}\n\n${end}`
    const [from, to] = [text.indexOf(start), text.indexOf(end)]
    text =
      from >= 0 && to > from
        ? text.slice(0, from) + section + text.slice(to + end.length)
        : `${text.trimEnd()}\n\n${section}\n`
  }
  const config = await resolveConfig(fileURLToPath(file))
  writeFileSync(file, await format(text, { ...config, parser: 'markdown' }))
}
