import { readFile, stat } from "node:fs/promises";
import { codeOf } from "../../errors.ts";
import { ForeignClusterError, NoAccountError } from "./errors.ts";

/** The user that the server runs as. */
export interface Account {
  name: string;
  uid: number;
  gid: number;
}

/**
 * The other user to run the server as, or undefined for our own. PostgreSQL refuses root, and initdb wants a
 * passwd entry, so root switches to the owner of the cluster; of a new one, to `postgres` where that exists,
 * because `nobody` is shared with whatever else a machine does not trust.
 */
export async function chooseAccount(dataDir: string, cluster: string): Promise<Account | undefined> {
  const own = process.getuid?.();
  const owner = await ownerOf(cluster);
  if (own !== 0) {
    if (owner && owner.uid !== own) throw new ForeignClusterError(dataDir, cluster, owner.uid, String(own));
    return undefined;
  }
  const unprivileged = await findUnprivileged();
  if (!owner && !unprivileged) throw new NoAccountError(dataDir);
  if (owner?.uid === 0) throw new ForeignClusterError(dataDir, cluster, 0, unprivileged?.name ?? "nobody");
  return owner ?? unprivileged;
}

async function ownerOf(path: string): Promise<Account | undefined> {
  try {
    const { uid, gid } = await stat(path);
    return { name: `uid ${uid}`, uid, gid };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function findUnprivileged(): Promise<Account | undefined> {
  const users = (await readFile("/etc/passwd", "utf8")).split("\n").map(parseUser);
  return users.find(({ name }) => name === "postgres") ?? users.find(({ name }) => name === "nobody");
}

function parseUser(line: string): Account {
  const [name = "", , uid, gid] = line.split(":");
  return { name, uid: Number(uid), gid: Number(gid) };
}
