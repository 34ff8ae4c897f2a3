import { Buffer } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** One run of a real client against a stand-in server; see the README beside the files. */
export interface Fixture {
  name: string;
  description: string;
  exchanges: Exchange[];
}

export interface Exchange {
  request: { line: string; headers: string[]; text?: string; base64?: string };
  response: { status: number; json?: unknown };
}

const directory = path.join(import.meta.dirname, "../fixtures/atlas");

/** The token that the stand-in server took for a good one. */
export const goodToken = "good.atlasv1.token";

/** The address of the stand-in server; two names, since one fixture is redirected from the one to the other. */
export const recordedHosts = ["127.0.0.1:8230", "localhost:8230"];

export function readFixtures(): Fixture[] {
  const names = readdirSync(directory).filter((name) => name.endsWith(".json"));
  return names.map((name) => JSON.parse(readFileSync(path.join(directory, name), "utf8")) as Fixture);
}

export function readFixture(name: string): Fixture {
  return JSON.parse(readFileSync(path.join(directory, `${name}.json`), "utf8")) as Fixture;
}

export function bodyOf({ text = "", base64 }: Exchange["request"]): Buffer {
  return base64 === undefined ? Buffer.from(text) : Buffer.from(base64, "base64");
}
