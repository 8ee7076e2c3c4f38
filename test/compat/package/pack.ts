import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { root, runOrThrow } from '../../support/shell.js'

/** The package as npm would publish it. */
export interface Packed {
  readonly tarball: string
  /** The size of the tarball, in bytes. */
  readonly size: number
  /** The packed files, by their path in the package. */
  readonly files: readonly string[]
  /** How a host imports each entry point. */
  readonly entryPoints: readonly string[]
}

/** Builds and packs the package into a folder. */
export async function pack(folder: string): Promise<Packed> {
  const [packed] = JSON.parse(
    // The build prints too, so it is run by itself.
    (await runOrThrow('npm', ['run', '--silent', 'build'])) +
      (await runOrThrow('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder])),
  ) as [{ filename: string; files: { path: string }[] }]
  const tarball = join(folder, packed.filename)
  const { name, exports } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    name: string
    exports: Record<string, unknown>
  }
  return {
    tarball,
    size: (await stat(tarball)).size,
    files: packed.files.map(({ path }) => path),
    entryPoints: Object.keys(exports)
      .filter((path) => path !== './package.json')
      .map((path) => join(name, path)),
  }
}
