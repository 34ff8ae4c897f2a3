import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { Buffer } from "node:buffer";
import path from "node:path";
import { codeOf } from "#core/errors.ts";

/** The key in the data directory, made on the first start (mode 0600). Without it, what is sealed stays sealed. */
export async function readOrCreateSecretKey(dataDir: string): Promise<Buffer> {
  const file = path.join(dataDir, "secret-key");
  try {
    await writeFile(file, `${randomBytes(32).toString("hex")}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
  return Buffer.from((await readFile(file, "utf8")).trim(), "hex");
}
