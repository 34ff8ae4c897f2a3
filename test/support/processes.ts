import { readdir, readFile } from "node:fs/promises";
import process from "node:process";
import { codeOf } from "#core/errors.ts";

/** The living processes of this machine that have the setting, `NAME=value`, in their environment. */
export async function findProcesses(setting: string): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(async (pid) => ({ pid, has: await hasSetting(pid, setting) })));
  return found.filter(({ has }) => has).map(({ pid }) => pid);
}

async function hasSetting(pid: number, setting: string): Promise<boolean> {
  const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
  return environment.split("\0").includes(setting);
}

/** Sends a signal to a process that may have ended. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (codeOf(error) !== "ESRCH") throw error;
  }
}
