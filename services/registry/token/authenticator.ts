import type { Authenticator } from "#core/access.ts";
import type { Clock } from "#core/clock.ts";
import { retryBroken } from "#core/database/retry.ts";
import type { RegistryDatabase } from "../database.ts";
import { findLiveToken, hasTokens, insertToken, lockTokens } from "./store.ts";
import { generateToken, hashToken } from "./token.ts";

export function createTokenAuthenticator(database: RegistryDatabase, clock: Clock): Authenticator {
  return {
    async authenticate(token) {
      const hash = hashToken(token);
      const found = await retryBroken("check the token", () =>
        findLiveToken(database.kysely, { hash, now: clock.now() }),
      );
      return found && { id: found.id, name: found.name, grants: found.grants };
    },
  };
}

/** On the first start, when there is no token yet: the one that may do everything. Of several starts at once one makes it. */
export async function createFirstToken(database: RegistryDatabase): Promise<string | undefined> {
  return database.kysely.transaction().execute(async (trx) => {
    await lockTokens(trx);
    if (await hasTokens(trx)) return undefined;
    const token = generateToken();
    await insertToken(trx, {
      name: "admin",
      hash: hashToken(token),
      grants: [{ namespace: "*", role: "admin" }],
      createdBy: "first start",
      expiresAt: null,
    });
    return token;
  });
}
