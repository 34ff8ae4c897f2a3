import { randomUUID } from "node:crypto";
import { link, readFile, rm, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { codeOf } from "#core/errors.ts";

const pollMs = 250;

/**
 * Holds a lock file that names the process, and waits while another live process holds it. Two that find the file
 * of a dead process at the same moment may both go on, so what it protects must bear being done twice.
 */
export async function holdLock(file: string): Promise<AsyncDisposable> {
  while (!(await take(file))) {
    if (await isStale(file)) await rm(file, { force: true });
    else await delay(pollMs);
  }
  return { [Symbol.asyncDispose]: () => rm(file, { force: true }) };
}

/** Links a file that is already written, so that nobody meets a lock without a process in it. */
async function take(file: string): Promise<boolean> {
  const claim = `${file}.${randomUUID()}`;
  await writeFile(claim, String(process.pid));
  try {
    await link(claim, file);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  } finally {
    await rm(claim, { force: true });
  }
}

async function isStale(file: string): Promise<boolean> {
  try {
    process.kill(Number(await readFile(file, "utf8")), 0);
    return false;
  } catch (error) {
    return codeOf(error) === "ESRCH";
  }
}
