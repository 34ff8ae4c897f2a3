import { execFile, type SpawnOptions } from "node:child_process";
import type { Account } from "./account.ts";

export interface ToolResult {
  ok: boolean;
  output: string;
}

/**
 * How every child starts: in `cwd`, as `account`, in a session of its own so that the terminal's Ctrl-C reaches
 * us first, and with nothing of our environment.
 */
export function childOptions(cwd: string, account: Account | undefined) {
  return {
    cwd,
    detached: true,
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
    ...(account && { uid: account.uid, gid: account.gid }),
  } satisfies SpawnOptions;
}

/**
 * How a child that starts inside the data directory names it. Under another uid the absolute path may lead
 * through a directory that only root may enter, such as /root; Linux then takes the directory it is already in,
 * in a spelling that stays absolute.
 */
export function ownDirectory(cwd: string, account: Account | undefined): string {
  return account && process.platform === "linux" ? "/proc/self/cwd" : cwd;
}

/** Runs a program to its end; `output` is what it printed, or why it failed. */
export function runTool(
  program: string,
  args: readonly string[],
  options: ReturnType<typeof childOptions> & { signal?: AbortSignal },
): Promise<ToolResult> {
  return new Promise((done) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      done({ ok: !error, output: error ? stderr.trim() || error.message : stdout.trim() });
    });
  });
}
