import { execFile } from 'node:child_process'
import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { createBrotliDecompress } from 'node:zlib'
import type { FoundBrowser } from './find-browser.js'
import { root } from './shell.js'

/**
 * Unpacks the Chromium of the package @sparticuz/chromium, with the libraries that a bare Linux lacks and a font, once for each version, into
 * node_modules. Not by the package's own function: that takes whatever lies in the system's temporary folder under its names, and
 * two processes that unpack at once run each other's half of a file.
 */
export async function unpackChromium(): Promise<FoundBrowser> {
  const packed = join(dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium')), '../..')
  const { version } = JSON.parse(await readFile(join(packed, 'package.json'), 'utf8')) as { version: string }
  const cache = join(root, 'node_modules', '.cache')
  const folder = join(cache, `chromium-${version}`)
  if (!existsSync(folder)) {
    await mkdir(cache, { recursive: true })
    const part = await mkdtemp(`${folder}-`)
    for (const name of ['al2023.tar', 'fonts.tar', 'chromium']) {
      const to = createWriteStream(join(part, name), { mode: 0o755 })
      await pipeline(createReadStream(join(packed, 'bin', `${name}.br`)), createBrotliDecompress(), to)
      if (name.endsWith('.tar')) {
        await promisify(execFile)('tar', ['-xf', name], { cwd: part })
        await rm(join(part, name))
      }
    }
    // Whoever comes second finds it there.
    await rename(part, folder).catch(async () => await rm(part, { recursive: true }))
  }
  // Each time, since it names the folder, which may have been moved or be reached by another path since.
  await writeFile(join(folder, 'fonts.conf'), fontsIn(join(folder, 'fonts')))
  return {
    executablePath: join(folder, 'chromium'),
    env: { LD_LIBRARY_PATH: join(folder, 'lib'), FONTCONFIG_FILE: join(folder, 'fonts.conf') },
  }
}

/** Its own font and no other, so that text is as wide everywhere. */
function fontsIn(folder: string): string {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>${folder}</dir><cachedir>${folder}/cache</cachedir></fontconfig>
`
}
