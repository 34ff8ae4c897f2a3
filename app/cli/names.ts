import { InvalidArgumentError } from "commander";
import { namePattern as name } from "#proto/names.ts";
import { UsageError } from "./errors.ts";

const qualifiedName = new RegExp(`^(${name})/(${name})$`);
const reference = new RegExp(`^(${name})/(${name}:${name})$`);
const key = /^[A-Za-z_][A-Za-z0-9_-]{0,99}$/;

/** The path of `acmeinc/web` below a collection: `/api/v2/artifacts/acmeinc/web`. */
export function artifactPath(text: string): string {
  return `/api/v2/artifacts/${qualified("artifact", text)}`;
}

export function environmentPath(text: string): string {
  return `/api/v2/environments/${qualified("environment", text)}`;
}

export function resolvePath(text: string): string {
  const [, namespace, rest] = reference.exec(text) ?? [];
  if (namespace !== undefined && rest !== undefined) {
    return `/api/v2/resolve/${namespace}/${encodeURIComponent(rest)}`;
  }
  throw new UsageError(`Cannot use "${text}" as a reference: expected NAMESPACE/NAME:VERSION`);
}

export function splitName(text: string): { namespace: string; name: string } {
  const [namespace = "", own = ""] = qualified("environment", text).split("/");
  return { namespace, name: own };
}

function qualified(kind: string, text: string): string {
  if (qualifiedName.test(text)) return text;
  throw new UsageError(`Cannot use "${text}" as the name of an ${kind}: expected NAMESPACE/NAME`);
}

export interface Pair {
  key: string;
  value: string;
}

/** `KEY=VALUE`; the value may be empty and may hold more equals signs. */
export function parsePair(text: string): Pair {
  const equals = text.indexOf("=");
  if (equals < 1) throw new UsageError(`Cannot use "${text}": expected KEY=VALUE`);
  return { key: text.slice(0, equals), value: text.slice(equals + 1) };
}

/** The key of a variable, as a piece of a path. */
export function variableKey(text: string): string {
  if (key.test(text)) return text;
  throw new UsageError(`Cannot use "${text}" as the name of a variable: expected letters, digits, "_", "-"`);
}

/** Collects a repeatable option. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

export function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number from 1.");
}

export function parseBuildNumber(text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number)) return number;
  throw new InvalidArgumentError("Expected a whole number.");
}
