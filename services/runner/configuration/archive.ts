import { pipeline } from "node:stream/promises";
import { Transform, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { extract, type Extract, type Header } from "tar-stream";
import { codeOf, messageOf } from "#core/errors.ts";
import { ArchiveTooLargeError, MalformedArchiveError, UnsafeArchiveError } from "./archive-errors.ts";
import { isWorkingData, parseEntryPath } from "./archive-path.ts";
import { ArchiveTarget } from "./archive-target.ts";

export type ArchiveLimits = {
  /** Of the expanded archive, headers and padding counted. Default 256 MiB. */
  maxBytes: number;
  /** Files and folders. Default 10 000. */
  maxEntries: number;
  /** Of one entry's name. Default 1024. */
  maxPathBytes: number;
};

export type Extracted = { files: number; bytes: number };

const defaults: ArchiveLimits = { maxBytes: 256 * 1024 * 1024, maxEntries: 10_000, maxPathBytes: 1024 };

/**
 * Extracts a tar.gz of plain files and folders that a user has sent. `.terraform/` and `terraform.tfstate*` are
 * left out; of several entries with one name the last wins. When it throws – `UnsafeArchiveError`,
 * `MalformedArchiveError`, `ArchiveTooLargeError`, or the stream's own error – files may be left in `directory`.
 */
export async function extractArchive(
  stream: Readable,
  directory: string,
  limits: Partial<ArchiveLimits> = {},
): Promise<Extracted> {
  const { maxBytes, maxEntries, maxPathBytes } = { ...defaults, ...limits };
  const tar = extract();
  const feeding = pipeline(stream, createGunzip({ rejectGarbageAfterEnd: true }), limitBytes(maxBytes), tar);
  const extracting = writeEntries(tar, new ArchiveTarget(directory), { maxEntries, maxPathBytes });
  const [fed, extracted] = await Promise.allSettled([feeding, extracting]);
  if (extracted.status === "rejected" && !wasCutOff(extracted.reason)) throw explain(extracted.reason);
  if (fed.status === "rejected") throw explain(fed.reason);
  if (extracted.status === "rejected") throw extracted.reason;
  if (extracted.value.files === 0) throw new MalformedArchiveError("it holds no files");
  return extracted.value;
}

async function writeEntries(
  tar: Extract,
  target: ArchiveTarget,
  { maxEntries, maxPathBytes }: Omit<ArchiveLimits, "maxBytes">,
): Promise<Extracted> {
  let entries = 0;
  for await (const entry of tar) {
    if (++entries > maxEntries) throw new ArchiveTooLargeError(`${maxEntries} entries`);
    await writeEntry(
      entry.header,
      parseEntryPath(entry.header.name, maxPathBytes),
      entry as AsyncIterable<Buffer>,
      target,
    );
    entry.resume();
  }
  return target.written;
}

async function writeEntry(
  { name, type, mode }: Header,
  segments: string[],
  content: AsyncIterable<Buffer>,
  target: ArchiveTarget,
): Promise<void> {
  if (isWorkingData(segments)) return;
  if (type === "directory") return target.makeDirectory(segments);
  if (type !== "file" && type !== "contiguous-file") {
    throw new UnsafeArchiveError(name, `its type is "${type}", not a file or a folder`);
  }
  if (segments.length === 0) throw new UnsafeArchiveError(name, "a file has a name");
  await target.writeFile(segments, content, { isExecutable: (mode & 0o111) !== 0 });
}

function limitBytes(maxBytes: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > maxBytes) done(new ArchiveTooLargeError(`${maxBytes} bytes`));
      else done(null, chunk);
    },
  });
}

/** The entry's part of an error that is in the stream that feeds it. */
function wasCutOff(error: unknown): boolean {
  return codeOf(error) === "STREAM_DESTROYED";
}

// tar-stream has no class or code for its errors.
const tarProblem = /^(Invalid (tar )?header|Unexpected end of data|Header exceeds)/;

function explain(error: unknown): unknown {
  const code = codeOf(error) ?? "";
  const isMalformed = /^(Z_|ERR_TRAILING_JUNK)/.test(code) || tarProblem.test(messageOf(error));
  return isMalformed ? new MalformedArchiveError(messageOf(error), { cause: error }) : error;
}
