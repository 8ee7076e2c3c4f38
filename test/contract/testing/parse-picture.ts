import { DOMParser } from 'linkedom'
import { expect } from 'vitest'

/** What linkedom makes of a text, as far as it is looked at here. */
interface Node {
  readonly textContent: string
  querySelector(selector: string): Node | null
  querySelectorAll(selector: string): Iterable<Node>
  getAttribute(name: string): string | null
}

/** The picture's elements. */
export function parse(svg: string): Node {
  expectWellFormed(svg)
  return new DOMParser().parseFromString(svg, 'image/svg+xml') as unknown as Node
}

/** What a parser that forgives everything does not see: elements are closed in their order, and nothing is unescaped. */
function expectWellFormed(svg: string): void {
  const open: string[] = []
  for (const [tag, closing, name = '', attributes = '', empty] of svg.matchAll(
    /<(\/?)([a-z]+)((?: [\w:-]+="[^"<]*")*)(\/?)>/g,
  )) {
    if (closing === '/') expect(open.pop(), tag).toBe(name)
    else if (empty !== '/') open.push(name)
    expect(attributes).not.toMatch(/&(?!(amp|lt|gt|quot);)/)
  }
  expect(open).toEqual([])
  const words = svg.replaceAll(/<(\/?)([a-z]+)((?: [\w:-]+="[^"<]*")*)(\/?)>/g, '')
  expect(words).not.toMatch(/[<]|&(?!(amp|lt|gt|quot);)/)
}

/** The elements with these classes. */
export function all(document: Node, selector: string): Node[] {
  return Array.from(document.querySelectorAll(selector))
}

/** The titles of elements, each with the parts of its path. */
export function paths(document: Node, selector: string): Record<string, string[]> {
  return Object.fromEntries(
    all(document, selector).map((each) => [
      each.querySelector('title')?.textContent ?? '',
      (each.getAttribute('d') ?? '').split(/(?=M)/),
    ]),
  )
}
