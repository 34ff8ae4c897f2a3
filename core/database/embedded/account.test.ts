import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { childOptions, runTool } from "./child.ts";
import { givenDirectory, givenHolder, givenServer, isRoot, nobody, query } from "./testing/given.ts";

test.runIf(isRoot)("root runs the server as another user, with nothing of its own environment", async () => {
  await using directory = await givenDirectory();
  await using server = await givenServer(directory.path);
  const pid = Number.parseInt(
    await readFile(join(directory.path, "cluster/data/postmaster.pid"), "utf8"),
    10,
  );

  const owner = await stat(join(directory.path, "cluster/data"));
  // As the owner: root in a container may not look into another uid's process.
  const asOwner = childOptions("/", { name: "the owner", uid: owner.uid, gid: owner.gid });
  const environment = await runTool("/bin/cat", [`/proc/${pid}/environ`], asOwner);
  const [, rest = ""] = /\) (.*)/.exec(await readFile(`/proc/${pid}/stat`, "utf8")) ?? [];

  expect(owner.uid).not.toBe(0);
  expect((await stat(`/proc/${pid}`)).uid).toBe(owner.uid);
  expect(environment.output.split("\0").filter(Boolean)).toEqual(expect.arrayContaining(["TZ=UTC"]));
  expect(environment.output).not.toContain("HOME=");
  expect(rest.split(" ")[3], "leads a session of its own").toBe(String(pid));
  expect(await query(server.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
});

test.runIf(isRoot)("an ordinary user without a home runs the server itself", async () => {
  await using directory = await givenDirectory(nobody);
  await using holder = await givenHolder(directory.path, nobody);

  expect(await query(holder.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  expect((await stat(join(directory.path, "cluster/data"))).uid).toBe(nobody.uid);
});

test.runIf(isRoot)(
  "the server of an ordinary user's killed process is stopped by its next start",
  async () => {
    await using directory = await givenDirectory(nobody);
    await using killed = await givenHolder(directory.path, nobody);
    await query(killed.url, "CREATE TABLE kept AS SELECT 7 AS n");
    await killed.kill();

    await using holder = await givenHolder(directory.path, nobody);

    expect(await query(holder.url, "SELECT n FROM kept")).toEqual([{ n: 7 }]);
  },
);

test.runIf(isRoot)("root goes on as the user who made the cluster", async () => {
  await using directory = await givenDirectory(nobody);
  await (await givenHolder(directory.path, nobody))[Symbol.asyncDispose]();

  await using server = await givenServer(directory.path);

  expect(await query(server.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  expect((await stat(join(directory.path, "cluster/data"))).uid).toBe(nobody.uid);
});

test.runIf(isRoot)("a cluster of another user is refused with the command that gives it away", async () => {
  await using directory = await givenDirectory(nobody);
  await mkdir(join(directory.path, "cluster"));

  await using holder = await givenHolder(directory.path, nobody);

  expect(holder.error).toContain(`"${directory.path}/cluster" belongs to uid 0`);
  expect(holder.error).toContain(`chown -R 65534 "${directory.path}/cluster"`);
});
