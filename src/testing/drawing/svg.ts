/** Attributes of an element. */
type Attributes = Readonly<Record<string, string | number>>

/** An element of SVG, around what is SVG already. */
export function element(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const given = Object.entries(attributes).map(([key, value]) => ` ${key}="${escape(String(value))}"`)
  const content = children.join('')
  return content === '' ? `<${name}${given.join('')}/>` : `<${name}${given.join('')}>${content}</${name}>`
}

/** A text, where its baseline begins (or ends, or has its middle). */
export function text(x: number, y: number, words: string, attributes: Attributes = {}): string {
  return element('text', { x: short(x), y: short(y), ...attributes }, escape(words))
}

/** What a pointer, or a screen reader, is told of an element. */
export function title(words: string): string {
  return element('title', {}, escape(words))
}

/** Text as XML takes it: characters that it does not know are replaced. */
export function escape(words: string): string {
  return words
    .toWellFormed()
    .replaceAll(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '\u{FFFD}')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

/** A coordinate to a tenth of a pixel. */
export function short(coordinate: number): string {
  return String(Math.round(coordinate * 10) / 10)
}

/** A name that fits beside a picture. */
export function clipped(name: string, most = 22): string {
  const characters = Array.from(name)
  return characters.length <= most ? name : `${characters.slice(0, most - 1).join('')}…`
}
