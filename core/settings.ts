import { scrub } from "./scrub.ts";

/** Settings come from environment variables. Each reader names the variable in its error. */
export class SettingError extends Error {
  override readonly name = "SettingError";

  constructor(variable: string, value: string, rule: string) {
    super(`Cannot use ${variable}="${scrub(value)}": ${rule}`);
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

export function readText(env: Environment, variable: string): string | undefined {
  const value = env[variable]?.trim();
  return value === "" ? undefined : value;
}

export function readInteger(
  env: Environment,
  variable: string,
  { min, max, fallback }: { min: number; max: number; fallback: number },
): number {
  const text = readText(env, variable);
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || value < min || value > max) {
    throw new SettingError(variable, text, `expected a whole number from ${min} to ${max}`);
  }
  return value;
}

export function readChoice<T extends string>(
  env: Environment,
  variable: string,
  { choices, fallback }: { choices: readonly T[]; fallback: T },
): T {
  const text = readText(env, variable);
  if (text === undefined) return fallback;
  const choice = choices.find((candidate) => candidate === text);
  if (choice === undefined) throw new SettingError(variable, text, `expected one of ${choices.join(", ")}`);
  return choice;
}

export interface ListenAddress {
  host: string;
  /** 0 takes a free port. */
  port: number;
}

/** `127.0.0.1:7373`, `[::1]:7373`, `:7373` (every IPv4 interface). */
export function readListenAddress(env: Environment, variable: string, fallback: string): ListenAddress {
  const text = readText(env, variable) ?? fallback;
  const match = /^(?:\[(?<six>[0-9a-fA-F:.]+)\]|(?<host>[^:[\]]*)):(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.["port"]);
  if (!match?.groups || port > 65_535)
    throw new SettingError(variable, text, "expected HOST:PORT with a port up to 65535");
  return { host: match.groups["six"] ?? (match.groups["host"] || "0.0.0.0"), port };
}

/** An absolute http or https URL, returned without a trailing slash. */
export function readHttpUrl(env: Environment, variable: string): string | undefined {
  const text = readText(env, variable);
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new SettingError(variable, text, "expected an http:// or https:// URL");
  }
  if (url.search || url.hash || url.username || url.password) {
    throw new SettingError(variable, text, "expected a URL without user, password, query or fragment");
  }
  return url.href.replace(/\/+$/, "");
}
