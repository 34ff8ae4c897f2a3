import { readFileSync } from "node:fs";
import path from "node:path";
import { readText, type Environment } from "#core/settings.ts";
import { UsageError } from "./errors.ts";

export interface Connection {
  /** Without a trailing slash. */
  url: string;
  token: string | undefined;
}

/** What `--url` and `--token` say. */
export interface ConnectionOptions {
  url?: string;
  token?: string;
}

const defaultUrl = "http://127.0.0.1:7373";

/** Options first, then Ingot's variables, then those of Atlas clients, then the server on this machine. */
export function readConnection(options: ConnectionOptions, env: Environment): Connection {
  const url = readUrl(
    options.url ?? readText(env, "INGOT_URL") ?? readText(env, "ATLAS_ADDRESS") ?? defaultUrl,
  );
  const token = options.token ?? readText(env, "INGOT_TOKEN") ?? readText(env, "ATLAS_TOKEN");
  return {
    url: url.href.replace(/\/+$/, ""),
    token: token ?? (isLocal(url) ? readAdminToken(env) : undefined),
  };
}

function readUrl(text: string): URL {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash) {
    throw new UsageError(`Cannot use "${text}" as the server's address: expected http:// or https://`);
  }
  if (url.username || url.password) {
    throw new UsageError(`Cannot use an address with a password: give the token with --token or INGOT_TOKEN`);
  }
  return url;
}

function isLocal({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** What the server on this machine has left for its owner; the file's mode says who that is. */
function readAdminToken(env: Environment): string | undefined {
  try {
    const text = readFileSync(path.join(readText(env, "INGOT_DATA_DIR") ?? "data", "admin-token"), "utf8");
    return text.trim() || undefined;
  } catch {
    return undefined;
  }
}
