import process from "node:process";
import type { Readable } from "node:stream";
import { codeOf } from "#core/errors.ts";
import type { Environment } from "#core/settings.ts";

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** What a command reads and writes. */
export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** Results. */
  readonly stdout: Output;
  /** Messages. */
  readonly stderr: Output;
  readonly env: Environment;
  /** Aborts when nobody reads the results any more: `ingot run logs -f … | head`. */
  readonly signal: AbortSignal;
}

export function openTerminal(): Terminal {
  const closed = new AbortController();
  process.stdout.on("error", (error) => {
    if (codeOf(error) !== "EPIPE") throw error;
    closed.abort();
  });
  const { stdin, stdout, stderr, env } = process;
  return { stdin, stdout, stderr, env, signal: closed.signal };
}
