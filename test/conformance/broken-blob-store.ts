import type { Buffer } from "node:buffer";
import type { BlobStore } from "#core/blob/blob-store.ts";

/** A store that fails with the error, a write after it has taken so many bytes. */
export function brokenBlobStore(error: Error, bytes = 0): BlobStore {
  return {
    async put(_key, stream) {
      let received = 0;
      if (bytes === 0) throw error;
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        received += chunk.length;
        if (received >= bytes) throw error;
      }
      throw error;
    },
    get: () => Promise.reject(error),
    delete: () => Promise.resolve(),
  };
}
