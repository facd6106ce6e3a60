/** A model from its first file: the header parsed, the other files of a split found and joined. */
import { GgufError, quote } from './errors.ts';
import type { Gguf, TensorInfo } from './gguf.ts';
import { createMetadata, type Metadata } from './metadata.ts';
import { type ParsedFile, parseFile } from './parse.ts';
import type { ByteSource } from './source.ts';

/** Opens another file of the same folder by its name. */
export type OpenSibling = (fileName: string) => Promise<ByteSource>;

/**
 * Reads the header of `source`, and of the other files where it is the first of a split, which `openSibling` finds.
 * Nothing beyond the headers is read. Rejects with a `GgufError`; then what this function opened is closed again,
 * while `source` stays its owner's.
 */
export async function openGguf(source: ByteSource, openSibling?: OpenSibling, signal?: AbortSignal): Promise<Gguf> {
  const first = await parseFile(source, signal);
  const metadata = createMetadata(source.name, first.entries);
  const fileCount = metadata.number('split.count', 1);
  if (fileCount <= 1) return { version: first.version, metadata, tensors: first.tensors, sources: [source] };

  const sources = [source];
  const tensors = new Map(first.tensors);
  try {
    for (const fileName of otherFileNames(source, metadata, fileCount)) {
      const part = await openPart(source, fileName, openSibling);
      sources.push(part);
      const parsed = await parseFile(part, signal);
      requirePart(part, parsed, sources.length - 1, fileCount);
      addTensors(tensors, part, parsed.tensors);
    }
    requireTensorCount(source, metadata, tensors.size);
  } catch (error) {
    await Promise.all(sources.slice(1).map((part) => part.close()));
    throw error;
  }
  return { version: first.version, metadata, tensors, sources };
}

/** Closes every file of a model. */
export async function closeGguf(gguf: Gguf): Promise<void> {
  await Promise.all(gguf.sources.map((source) => source.close()));
}

/** `NAME-00001-of-00003.gguf`, as llama.cpp names the files of a split. */
const splitName = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/s;

export function splitFileName(prefix: string, index: number, fileCount: number): string {
  return `${prefix}-${String(index + 1).padStart(5, '0')}-of-${String(fileCount).padStart(5, '0')}.gguf`;
}

function otherFileNames(source: ByteSource, metadata: Metadata, fileCount: number): string[] {
  const fileName = fileNameOf(source.name);
  const [, prefix, , statedCount] = splitName.exec(fileName) ?? [];
  if (prefix === undefined) {
    throw new GgufError(
      source.name,
      `is one of ${fileCount} files, but is not named like NAME-00001-of-${String(fileCount).padStart(5, '0')}.gguf; the others can't be found, give it back its name`,
    );
  }
  if (Number(statedCount) !== fileCount) {
    throw new GgufError(
      source.name,
      `says by name that it is one of ${Number(statedCount)} files, inside one of ${fileCount}`,
    );
  }
  const index = metadata.number('split.no');
  if (index !== 0) {
    const first = splitFileName(prefix, 0, fileCount);
    throw new GgufError(
      source.name,
      `is file ${index + 1} of ${fileCount} of a split; open the first, ${quote(first)}`,
    );
  }
  return Array.from({ length: fileCount - 1 }, (_, i) => splitFileName(prefix, i + 1, fileCount));
}

/** The last part of a path or of an URL's path. */
function fileNameOf(name: string): string {
  const path = /^https?:/i.test(name) ? decodedPath(name) : name;
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}

function decodedPath(url: string): string {
  const path = URL.parse(url)?.pathname ?? url;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

async function openPart(source: ByteSource, fileName: string, openSibling?: OpenSibling): Promise<ByteSource> {
  if (!openSibling)
    throw new GgufError(source.name, `is a split model; ${quote(fileName)} and the others are needed too`);
  try {
    return await openSibling(fileName);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new GgufError(source.name, `is a split model whose file ${quote(fileName)} can't be opened: ${reason}`, {
      cause: error,
    });
  }
}

function requirePart(part: ByteSource, parsed: ParsedFile, index: number, fileCount: number): void {
  const metadata = createMetadata(part.name, parsed.entries);
  const [no, count] = [metadata.number('split.no'), metadata.number('split.count')];
  if (no === index && count === fileCount) return;
  throw new GgufError(part.name, `is file ${no + 1} of ${count} where file ${index + 1} of ${fileCount} was expected`);
}

function addTensors(tensors: Map<string, TensorInfo>, part: ByteSource, more: ReadonlyMap<string, TensorInfo>): void {
  for (const [name, tensor] of more) {
    if (tensors.has(name))
      throw new GgufError(part.name, `tensor ${quote(name)} is in an earlier file of the split too`);
    tensors.set(name, tensor);
  }
}

function requireTensorCount(source: ByteSource, metadata: Metadata, found: number): void {
  const stated = metadata.number('split.tensors.count');
  if (stated === found) return;
  throw new GgufError(
    source.name,
    `the split should have ${stated} tensors, but its files have ${found}; fetch them again`,
  );
}
