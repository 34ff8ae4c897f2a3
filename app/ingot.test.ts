import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";

const program = path.join(import.meta.dirname, "ingot.js");
const olderNode = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } })`;

test("an older Node is told that it is too old", async () => {
  const preload = `data:text/javascript,${encodeURIComponent(olderNode)}`;
  const child = spawn(process.execPath, ["--import", preload, program, "start"]);
  const exited = once(child, "exit");

  expect(await text(child.stderr)).toBe("ingot: this is Node 20.20.2; Node 24 or newer is needed\n");
  expect((await exited)[0]).toBe(1);
});
