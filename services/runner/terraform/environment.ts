import { join } from "node:path";
import { InvalidRunVariableError } from "./variable-error.ts";

export type EnvironmentVariable = { name: string; value: string };

export type RunEnvironment = {
  /** The run's own directory, made by `writeRunHome`. */
  home: string;
  /** Where Terraform and what it starts look for programs. */
  path: string;
  stateUrl: string;
  username: string;
  password: string;
  variables: readonly EnvironmentVariable[];
  /** The host's environment; only its proxies and certificate authorities pass. */
  host?: Readonly<Record<string, string | undefined>>;
};

const fromHost = [
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
];
const reserved = new Set([...fromHost, "PATH", "HOME", "TMPDIR", "LANG"]);
const allowedOfTerraform = /^TF_(VAR_.+|TOKEN_.+|LOG|LOG_CORE|LOG_PROVIDER)$/;
// Linux refuses to start a program with a longer one (MAX_ARG_STRLEN, execve(2)).
const maxBytes = 128 * 1024 - 1;

export function cliConfigurationFile(home: string): string {
  return join(home, "terraform.rc");
}

export function temporaryDirectory(home: string): string {
  return join(home, "tmp");
}

/** The whole environment of a Terraform process. Throws `InvalidRunVariableError`. */
export function terraformEnvironment(run: RunEnvironment): Record<string, string> {
  return {
    ...checkVariables(run.variables),
    ...hostSettings(run.host ?? {}, run.stateUrl),
    PATH: run.path,
    HOME: run.home,
    TMPDIR: temporaryDirectory(run.home),
    LANG: "C.UTF-8",
    TF_IN_AUTOMATION: "1",
    TF_INPUT: "0",
    CHECKPOINT_DISABLE: "1",
    TF_CLI_CONFIG_FILE: cliConfigurationFile(run.home),
    ...stateBackend(run),
  };
}

function stateBackend({ stateUrl, username, password }: RunEnvironment): Record<string, string> {
  return {
    TF_HTTP_ADDRESS: stateUrl,
    TF_HTTP_LOCK_ADDRESS: stateUrl,
    TF_HTTP_UNLOCK_ADDRESS: stateUrl,
    TF_HTTP_USERNAME: username,
    TF_HTTP_PASSWORD: password,
    // About a minute in all, so that a restart of the server does not cost an apply its state.
    TF_HTTP_RETRY_MAX: "9",
    TF_HTTP_RETRY_WAIT_MIN: "1",
    TF_HTTP_RETRY_WAIT_MAX: "10",
  };
}

/** The state is ours and never behind the proxy. */
function hostSettings(
  host: Readonly<Record<string, string | undefined>>,
  stateUrl: string,
): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const name of fromHost) if (host[name]) settings[name] = host[name];
  const isProxied = Object.keys(settings).some((name) => /^https?_proxy$/i.test(name));
  if (!isProxied) return settings;
  const direct = [settings["NO_PROXY"] ?? settings["no_proxy"], new URL(stateUrl).hostname]
    .filter(Boolean)
    .join(",");
  return { ...settings, NO_PROXY: direct, no_proxy: direct };
}

function checkVariables(variables: readonly EnvironmentVariable[]): Record<string, string> {
  const checked = new Map<string, string>();
  for (const { name, value } of variables) {
    checkEnvironmentVariable({ name, value });
    if (checked.has(name)) throw new InvalidRunVariableError(name, "it is set twice");
    checked.set(name, value);
  }
  return Object.fromEntries(checked);
}

/** Throws `InvalidRunVariableError`. */
export function checkEnvironmentVariable({ name, value }: EnvironmentVariable): void {
  const rule = brokenRule(name, value);
  if (rule) throw new InvalidRunVariableError(name, rule);
}

function brokenRule(name: string, value: string): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return "a name has letters, digits and underscores only";
  if (isReserved(name)) return "the name is reserved for the runner";
  if (value.includes("\0")) return "a value has no NUL character";
  if (Buffer.byteLength(`${name}=${value}`) > maxBytes) return "name and value have at most 128 KiB";
  return undefined;
}

/**
 * What the runner sets, what changes how Terraform finds its files and options, and what the loader of the
 * programs around Terraform would obey.
 */
function isReserved(name: string): boolean {
  if (reserved.has(name) || name.startsWith("LD_") || name.startsWith("CHECKPOINT_")) return true;
  return /^(TF|TOFU)_/.test(name) && !allowedOfTerraform.test(name);
}
