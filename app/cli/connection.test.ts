import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { readConnection } from "./connection.ts";

const nothing = { INGOT_DATA_DIR: "/nonexistent" };

test("options come first, then Ingot's variables, then those of Atlas clients", () => {
  const atlas = { ...nothing, ATLAS_ADDRESS: "https://atlas.test/", ATLAS_TOKEN: "atlas" };
  const both = { ...atlas, INGOT_URL: "https://ingot.test", INGOT_TOKEN: "ingot" };

  expect([
    readConnection({ url: "https://option.test/base/", token: "option" }, both),
    readConnection({}, both),
    readConnection({}, atlas),
    readConnection({}, nothing),
  ]).toEqual([
    { url: "https://option.test/base", token: "option" },
    { url: "https://ingot.test", token: "ingot" },
    { url: "https://atlas.test", token: "atlas" },
    { url: "http://127.0.0.1:7373", token: undefined },
  ]);
});

test("the admin token of the data directory is for a local server alone", async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), "ingot-connection-"));
  await writeFile(path.join(dataDir, "admin-token"), "ingot_admin\n");
  const env = { INGOT_DATA_DIR: dataDir };

  const tokenFor = (url: string) => readConnection({ url }, env).token;
  const local = ["http://127.0.0.1:7373", "http://localhost:80", "http://[::1]:7373"].map(tokenFor);
  const remote = ["https://ingot.test", "http://127.0.0.1.ingot.test", "http://10.0.0.1"].map(tokenFor);

  expect(local).toEqual(["ingot_admin", "ingot_admin", "ingot_admin"]);
  expect(remote).toEqual([undefined, undefined, undefined]);
  await rm(dataDir, { recursive: true });
});

test.each(["ftp://a", "nowhere", "http://a?b=c", "http://user:secret@a"])("%s is no address", (url) => {
  expect(() => readConnection({ url }, nothing)).toThrow(/^Cannot use/);
});
