import path from "node:path";
import { Buffer } from "node:buffer";
import {
  readChoice,
  readHttpUrl,
  readInteger,
  readListenAddress,
  readText,
  SettingError,
  type Environment,
  type ListenAddress,
} from "#core/settings.ts";
import type { LogLevel } from "#core/log.ts";

/** Everything an operator can set. */
export interface Config {
  /** INGOT_LISTEN */
  listen: ListenAddress;
  /** INGOT_DATA_DIR, absolute */
  dataDir: string;
  /** INGOT_PUBLIC_URL: the address that callers use; without it, the one that each request names. */
  publicUrl: string | undefined;
  /** DATABASE_URL: without it Ingot starts a PostgreSQL of its own. */
  databaseUrl: string | undefined;
  /** INGOT_TERRAFORM: path or name of Terraform or OpenTofu. */
  terraform: string | undefined;
  /** INGOT_TERRAFORM_CLI_CONFIG: a CLI configuration file for every run, for mirrors and credentials. */
  terraformCliConfig: string | undefined;
  /** INGOT_SECRET_KEY: seals state, variables and plans; without it one is generated into the data directory. */
  secretKey: Buffer | undefined;
  /** INGOT_RUN_CONCURRENCY: plans and applies at once in this process. */
  runConcurrency: number;
  /** INGOT_RUN_TIMEOUT_MINUTES: for one plan or one apply. */
  runTimeoutMs: number;
  /** INGOT_LOG */
  logLevel: LogLevel;
  /** What of the host's environment may pass to runs is chosen by the runner. */
  hostEnvironment: Environment;
}

const logLevels = ["trace", "debug", "info", "warn", "error", "silent"] as const;

/** Throws SettingError, which names the variable. */
export function readConfig(env: Environment): Config {
  return {
    listen: readListenAddress(env, "INGOT_LISTEN", "127.0.0.1:7373"),
    dataDir: path.resolve(readText(env, "INGOT_DATA_DIR") ?? "data"),
    publicUrl: readHttpUrl(env, "INGOT_PUBLIC_URL"),
    databaseUrl: readDatabaseUrl(env),
    terraform: readText(env, "INGOT_TERRAFORM"),
    terraformCliConfig: readText(env, "INGOT_TERRAFORM_CLI_CONFIG"),
    secretKey: readSecretKey(env),
    runConcurrency: readInteger(env, "INGOT_RUN_CONCURRENCY", { min: 1, max: 100, fallback: 2 }),
    runTimeoutMs:
      readInteger(env, "INGOT_RUN_TIMEOUT_MINUTES", { min: 1, max: 1380, fallback: 120 }) * 60_000,
    logLevel: readChoice(env, "INGOT_LOG", { choices: logLevels, fallback: "info" }),
    hostEnvironment: env,
  };
}

function readDatabaseUrl(env: Environment): string | undefined {
  const text = readText(env, "DATABASE_URL");
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url && /^postgres(ql)?:$/.test(url.protocol)) return text;
  throw new SettingError("DATABASE_URL", text.replace(/:[^:@/]*@/, ":…@"), "expected a postgres:// URL");
}

const secretKeyBytes = 32;

function readSecretKey(env: Environment): Buffer | undefined {
  const text = readText(env, "INGOT_SECRET_KEY");
  if (text === undefined) return undefined;
  const key = /^[0-9a-fA-F]{64,}$/.test(text) ? Buffer.from(text, "hex") : Buffer.from(text, "base64");
  if (key.length >= secretKeyBytes) return key;
  throw new SettingError(
    "INGOT_SECRET_KEY",
    "…",
    "expected at least 32 bytes in hex or base64; openssl rand -hex 32 makes one",
  );
}
