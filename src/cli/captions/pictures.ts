import { LanewiseError } from '../../core/errors.js'
import { tarEntries } from '../../data/formats/tar.js'
import { fileExists, joinPath, listFolder, readBytes } from '../../platform/node-files.js'

/** A picture's file, not yet decoded. */
export interface PictureFile {
  /** Without folders: what captions name. */
  readonly name: string
  /** For messages. */
  readonly path: string
  readonly bytes: Uint8Array
}

const archive = /\.(tar|tgz|tar\.gz)$/i
const picture = /\.(png|jpe?g)$/i

/** How deep folders are searched: `Images/`, `Flicker8k_Dataset/` and the like lie in the folder that is named. */
const DEPTH = 3

/**
 * The pictures of an archive, or of a folder: files and archives in it, and in its folders, in the order of their
 * names. A name that comes again is passed over.
 *
 * @param wanted - which names to read; by default all pictures.
 * @throws LanewiseError `E_EXTERNAL` if the folder cannot be read, `E_PARSE` for a damaged archive.
 */
export async function* pictureFiles(
  source: string,
  wanted: (name: string) => boolean = () => true,
): AsyncGenerator<PictureFile, void, void> {
  const seen = new Set<string>()
  const fresh = (path: string) => {
    const name = baseName(path)
    // macOS puts "._NAME" beside what it archives.
    return picture.test(name) && !name.startsWith('._') && !seen.has(name) && wanted(name)
  }
  async function* inside(path: string, depth: number): AsyncGenerator<PictureFile, void, void> {
    if (archive.test(path) && fileExists(path)) {
      for await (const { name, bytes } of tarEntries(path, { wanted: fresh })) {
        seen.add(baseName(name))
        yield { name: baseName(name), path: `${path}: ${name}`, bytes }
      }
      return
    }
    const { files, folders } = await listFolder(path)
    for (const file of files) {
      const whole = joinPath(path, file)
      if (archive.test(file)) yield* inside(whole, depth)
      else if (fresh(file)) {
        seen.add(file)
        yield { name: file, path: whole, bytes: await readBytes(whole) }
      }
    }
    if (depth > 1) for (const folder of folders) yield* inside(joinPath(path, folder), depth - 1)
  }
  yield* inside(source, DEPTH)
  if (seen.size === 0)
    throw new LanewiseError('E_VALUE', `there are no pictures in ${JSON.stringify(source)} that are asked for`)
}

/** The last part of a path in an archive, a folder or a list. */
function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
}
