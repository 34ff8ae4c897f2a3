import type { Buffer } from "node:buffer";
import { once } from "node:events";
import type { BlobStore } from "#core/blob/blob-store.ts";

/** A store that fails with the error, a write after it has taken so many bytes. */
export function brokenBlobStore(error: Error, bytes = 0): BlobStore {
  return {
    async put(_key, stream) {
      let received = 0;
      while (received < bytes) {
        const chunk = stream.read() as Buffer | null;
        if (chunk) received += chunk.length;
        else await once(stream, "readable");
      }
      throw error;
    },
    get: () => Promise.reject(error),
    delete: () => Promise.resolve(),
  };
}
