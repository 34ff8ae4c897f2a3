import type { Readable } from "node:stream";

/** What the store knows of a blob. */
export interface BlobInfo {
  sizeBytes: number;
  /** Hex SHA-256 of the bytes. */
  sha256: string;
}

export interface ByteRange {
  /** First byte. */
  start: number;
  /** Last byte, inclusive. */
  end: number;
}

/** Bytes under keys such as `files/0192…`. A blob is whole or not there. */
export interface BlobStore {
  /** Stores the stream under a key; when it returns the bytes are durable. Fails without a trace when the stream fails. */
  put(key: string, bytes: Readable): Promise<BlobInfo>;
  /** Throws BlobMissingError. */
  get(key: string, range?: ByteRange): Promise<Readable>;
  delete(key: string): Promise<void>;
}

export class BlobMissingError extends Error {
  override readonly name = "BlobMissingError";
  constructor(key: string, options?: ErrorOptions) {
    super(`Cannot read the blob "${key}": it is not in the store`, options);
  }
}
