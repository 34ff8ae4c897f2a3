import { beforeAll, beforeEach } from "vitest";
import { PeerUnavailableError } from "../peers/install.ts";

/** The path of a peer for every test of the file; they skip with the reason where it cannot be had. */
export function usePeer(install: () => Promise<string>): () => string {
  let peer: string | undefined;
  let missing: PeerUnavailableError | undefined;
  beforeAll(async () => {
    try {
      peer = await install();
    } catch (error) {
      if (!(error instanceof PeerUnavailableError)) throw error;
      missing = error;
      console.warn(error.message);
    }
  });
  beforeEach(({ skip }) => {
    if (missing) skip(missing.message);
  });
  return () => {
    if (peer === undefined) throw new Error("Cannot use a peer outside of a test");
    return peer;
  };
}
