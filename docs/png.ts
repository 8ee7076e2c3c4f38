import { deflateSync, inflateSync } from 'node:zlib'

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
const MOST_COLOURS = 256

/**
 * Writes a picture of a page with a palette: the 256 colours that are most frequent, and for all others the nearest of them. Takes what
 * Chromium writes: eight bits for each channel, not interlaced.
 */
export function shrinkPng(png: Buffer): Buffer {
  const { width, height, pixels } = readPng(png)
  const counts = new Map<number, number>()
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1)
  const palette = [...counts.keys()]
    .toSorted((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0) || a - b)
    .slice(0, MOST_COLOURS)
  const indexes = new Map(palette.map((colour, index) => [colour, index]))
  const rows = Buffer.alloc((width + 1) * height)
  for (const [place, pixel] of pixels.entries()) {
    let index = indexes.get(pixel)
    if (index === undefined) indexes.set(pixel, (index = nearest(palette, pixel)))
    // Each row begins with its filter, which is none.
    rows[place + Math.floor(place / width) + 1] = index
  }
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 3, 0, 0, 0])
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(palette.flatMap((colour) => channels(colour)))),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** A picture, read. */
export interface Picture {
  readonly width: number
  readonly height: number
  /** Red, green and blue of each, in one number. */
  readonly pixels: Uint32Array
}

/** Reads a PNG as Chromium and {@link shrinkPng} write it. */
export function readPng(png: Buffer): Picture {
  const chunks = new Map<string, Buffer>()
  for (let at = SIGNATURE.length; at < png.length;) {
    const length = png.readUInt32BE(at)
    const type = png.toString('latin1', at + 4, at + 8)
    const data = png.subarray(at + 8, at + 8 + length)
    chunks.set(type, Buffer.concat([chunks.get(type) ?? Buffer.alloc(0), data]))
    at += length + 12
  }
  const header = chunks.get('IHDR') ?? Buffer.alloc(13)
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)]
  const [depth, type, , , interlaced] = header.subarray(8)
  const size = SIZES.get(type ?? 0)
  if (depth !== 8 || size === undefined || interlaced !== 0) throw new Error('It is no PNG as Chromium writes it')
  const bytes = unfilter(inflateSync(chunks.get('IDAT') ?? Buffer.alloc(0)), width * size, size)
  const palette = chunks.get('PLTE')
  const pixels = Uint32Array.from({ length: width * height }, (_, n) =>
    palette === undefined ? bytes.readUIntBE(n * size, 3) : palette.readUIntBE((bytes[n] ?? 0) * 3, 3),
  )
  return { width, height, pixels }
}

/** The bytes of a pixel, by the type of its colour: red, green and blue; a place in the palette; with how opaque it is. */
const SIZES = new Map([
  [2, 3],
  [3, 1],
  [6, 4],
])

/** Undoes the filter of each row. */
function unfilter(data: Buffer, rowSize: number, size: number): Buffer {
  const bytes = Buffer.alloc((data.length / (rowSize + 1)) * rowSize)
  for (let row = 0; row * rowSize < bytes.length; row++) {
    const filter = data[row * (rowSize + 1)] ?? 0
    for (let n = 0; n < rowSize; n++) {
      const at = row * rowSize + n
      const left = n < size ? 0 : (bytes[at - size] ?? 0)
      const up = bytes[at - rowSize] ?? 0
      const corner = n < size ? 0 : (bytes[at - rowSize - size] ?? 0)
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter] ?? 0
      bytes[at] = ((data[row * (rowSize + 1) + 1 + n] ?? 0) + guess) & 255
    }
  }
  return bytes
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner
  const [toLeft, toUp, toCorner] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)]
  return toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner
}

function channels(colour: number): [number, number, number] {
  return [(colour >> 16) & 255, (colour >> 8) & 255, colour & 255]
}

function nearest(palette: readonly number[], colour: number): number {
  const [red, green, blue] = channels(colour)
  const distances = palette.map((other) => {
    const [r, g, b] = channels(other)
    return (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2
  })
  return distances.indexOf(Math.min(...distances))
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const framed = Buffer.alloc(body.length + 8)
  framed.writeUInt32BE(data.length, 0)
  body.copy(framed, 4)
  framed.writeUInt32BE(crc(body), body.length + 4)
  return framed
}

function crc(bytes: Buffer): number {
  let value = 0xffffffff
  for (const byte of bytes) {
    value ^= byte
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0)
  }
  return ~value >>> 0
}
