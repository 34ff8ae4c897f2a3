import type { Authenticator } from "#core/access.ts";
import type { Clock } from "#core/clock.ts";
import type { RegistryDatabase } from "../database.ts";
import { findLiveToken, hasTokens, insertToken } from "./store.ts";
import { generateToken, hashToken } from "./token.ts";

export function createTokenAuthenticator(database: RegistryDatabase, clock: Clock): Authenticator {
  return {
    async authenticate(token) {
      const found = await findLiveToken(database.kysely, { hash: hashToken(token), now: clock.now() });
      return found && { id: found.id, name: found.name, grants: found.grants };
    },
  };
}

/** On the first start, when there is no token yet: the one that may do everything. */
export async function createFirstToken(database: RegistryDatabase): Promise<string | undefined> {
  if (await hasTokens(database.kysely)) return undefined;
  const token = generateToken();
  await insertToken(database.kysely, {
    name: "admin",
    hash: hashToken(token),
    grants: [{ namespace: "*", role: "admin" }],
    createdBy: "first start",
    expiresAt: null,
  });
  return token;
}
