/**
 * Reads a model file after checking that it is what it claims to be.
 *
 * The bytes are read once, from the descriptor that was checked, and handed to the runtime as memory: nothing can be swapped
 * between check and use. Symbolic links are followed only inside the file's own directory, which is how Kubernetes mounts
 * a ConfigMap (`model.onnx` → `..data/model.onnx`).
 */
import { constants, type FileHandle, open, realpath } from 'node:fs/promises';
import path from 'node:path';
import { ScorerError } from '../contracts/errors.ts';

/** The largest model file that is read unless another limit is given, in bytes. */
const MODEL_LIMIT_BYTES = 512 * 1024 * 1024;

/**
 * The bytes of the model file at `file`.
 *
 * @throws ScorerError (`model-missing`) when there is none; (`model-refused`) when it is no regular file, empty, above
 * `limitBytes`, has further hard links, or is a link that leaves its directory.
 */
export async function readModelFile(file: string, limitBytes: number = MODEL_LIMIT_BYTES): Promise<Buffer> {
  const handle = await openInside(file);
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw refused(file, 'is not a regular file', 'name the .onnx file itself');
    // A second name may lie anywhere and belong to anyone: who can write there could change the model unseen.
    if (found.nlink > 1) throw refused(file, `has ${found.nlink} hard links`, 'copy the file (cp) so that it has one name');
    if (found.size === 0) throw refused(file, 'is empty', 'export the model again');
    if (found.size > limitBytes) {
      throw refused(file, `has ${found.size} bytes, more than the limit of ${limitBytes}`, 'use a smaller model or raise the limit');
    }
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

async function openInside(file: string): Promise<FileHandle> {
  try {
    const directory = await realpath(path.dirname(file));
    const target = await realpath(file);
    if (path.relative(directory, target).split(path.sep)[0] === '..') {
      throw refused(file, 'is a symbolic link out of its directory', 'name the file that it points to');
    }
    // Not blocking, since opening a pipe would wait for a writer; not following, since `target` has no links left.
    return await open(target, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof ScorerError) throw error;
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new ScorerError('model-missing', `scorer: no model file at ${file}; check the path`, { cause: error });
    }
    throw new ScorerError('model-refused', `scorer: ${file} cannot be opened (${String(code)}); make it readable`, { cause: error });
  }
}

function refused(file: string, what: string, remedy: string): ScorerError {
  return new ScorerError('model-refused', `scorer: ${file} ${what}; ${remedy}`);
}
