import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { takePictures } from '../../docs/dashboard-pictures.js'
import { readPng } from '../../docs/png.js'
import { root } from '../support/shell.js'

const MOST_KB = 150
/** Which part of the pixels may be others: another processor may round otherwise. */
const TOLERANCE = 0.001

// Other browsers have other letters, and so other pictures.
const isBrowserOurs = process.platform === 'linux' && process.arch === 'x64' && !process.env['CHROME_BIN']

test.runIf(isBrowserOurs)(
  'the pictures of the dashboard show it as it is: else `npm run docs:dashboard` takes them anew',
  async () => {
    const pictures = await takePictures()
    expect(pictures.size).toBe(4)
    for (const [name, taken] of pictures) {
      const kept = await readFile(join(root, 'docs', 'pictures', name))
      expect(kept.length / 1000).toBeLessThan(MOST_KB)
      const [before, after] = [readPng(kept), readPng(taken)]
      expect({ name, width: before.width, height: before.height }).toEqual({
        name,
        width: after.width,
        height: after.height,
      })
      const others = before.pixels.filter((pixel, n) => pixel !== after.pixels[n]).length
      expect(others / before.pixels.length, name).toBeLessThan(TOLERANCE)
    }
  },
)
