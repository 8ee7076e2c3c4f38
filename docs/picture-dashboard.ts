// Takes the pictures of docs/dashboard.md. Run it with `npm run docs:dashboard`.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from '../test/support/shell.js'
import { takePictures } from './dashboard-pictures.js'

for (const [name, png] of await takePictures()) {
  await writeFile(join(root, 'docs', 'pictures', name), png)
  console.log(`docs/pictures/${name}: ${(png.length / 1000).toFixed(0)} kB`)
}
