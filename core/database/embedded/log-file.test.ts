import { readFile, writeFile } from "node:fs/promises";
import { writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openLogFile } from "./log-file.ts";
import { givenDirectory } from "./testing/given.ts";

test("a log that has grown too large becomes the older file", async () => {
  await using directory = await givenDirectory();
  const path = join(directory.path, "server.log");
  await writeFile(path, "old and long\n");

  await using log = await openLogFile(path, { maxBytes: 5 });
  writeSync(log.fd, "new\n");

  expect(await readFile(`${path}.1`, "utf8")).toBe("old and long\n");
  expect(await readFile(path, "utf8")).toBe("new\n");
});

test("a log answers what was written since the last time", async () => {
  await using directory = await givenDirectory();
  const path = join(directory.path, "server.log");
  await writeFile(path, "before\n");
  await using log = await openLogFile(path);

  writeSync(log.fd, "one\n");
  const first = await log.readNew();
  writeSync(log.fd, "two\n");

  expect([first, await log.readNew()]).toEqual(["one\n", "two\n"]);
});
