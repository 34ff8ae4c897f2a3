import { getEventListeners } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { captureTerraform } from "./capture.ts";
import { runTerraform, TerraformStartError, type TerraformCommand, type TerraformExit } from "./command.ts";
import {
  anyTerraform,
  givenFolder,
  noTerraform,
  plainEnvironment,
  run,
  withTerraform,
} from "./test-support.ts";

const shell = { path: "/bin/sh" };
const sleeping = `
resource "terraform_data" "first" {}
resource "terraform_data" "slow" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" { command = "echo $$ > pid; sleep 600 & echo $! > child; echo started; wait" }
}
`;

type Script = Partial<Omit<TerraformCommand, "onLine">> & { onLine?: TerraformCommand["onLine"] };

function runScript(script: string, options: Script = {}): Promise<TerraformExit> {
  const defaults = {
    terraform: shell,
    args: ["-c", script],
    cwd: "/",
    env: {},
    timeoutMs: 20_000,
    onLine: () => {},
  };
  return runTerraform({ ...defaults, ...options });
}

/** Applies in `folder`, and acts when the line has come that the provisioner has started. */
async function applyUntilStarted(
  folder: string,
  act: () => void,
  options: Script,
): Promise<TerraformExit & { text: string }> {
  let text = "";
  const exit = await runTerraform({
    terraform: anyTerraform(),
    args: ["apply", "-auto-approve", "-no-color"],
    cwd: folder,
    env: plainEnvironment(folder),
    timeoutMs: 60_000,
    ...options,
    onLine: (_stream, line) => {
      text += `${line}\n`;
      if (line.endsWith(": started")) act();
    },
  });
  return { ...exit, text };
}

async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return stat !== undefined && !/\) Z /.test(stat);
}

async function isGone(pid: number): Promise<boolean> {
  for (let attempt = 0; attempt < 50 && (await isAlive(pid)); attempt++)
    await new Promise((done) => setTimeout(done, 20));
  return !(await isAlive(pid));
}

async function readPid(folder: string, file: string): Promise<number> {
  return Number(await readFile(join(folder, file), "utf8"));
}

describe(`an apply${withTerraform}`, () => {
  test.skipIf(noTerraform)("that is canceled saves its state and leaves no grandchild", async () => {
    await using folder = await givenFolder({ "main.tf": sleeping });
    await run(folder.path, ["init"]);
    const cancel = new AbortController();

    const exit = await applyUntilStarted(folder.path, () => cancel.abort(), { cancel: cancel.signal });

    expect(exit).toMatchObject({ exitCode: 1, signal: null, reason: "canceled" });
    expect(exit.text).toContain("Interrupt received");
    expect(await run(folder.path, ["state", "list"])).toContain("terraform_data.first");
    expect(await isGone(await readPid(folder.path, "pid"))).toBe(true);
    expect(await isGone(await readPid(folder.path, "child"))).toBe(true);
  });

  test.skipIf(noTerraform)("that is force-canceled exits at the second interrupt", async () => {
    await using folder = await givenFolder({ "main.tf": sleeping });
    await run(folder.path, ["init"]);
    const forceCancel = new AbortController();

    const exit = await applyUntilStarted(folder.path, () => forceCancel.abort(), {
      forceCancel: forceCancel.signal,
    });

    expect(exit).toMatchObject({ reason: "force-canceled" });
    expect(await isGone(await readPid(folder.path, "child"))).toBe(true);
  });

  test.skipIf(noTerraform)("that takes too long is stopped", async () => {
    await using folder = await givenFolder({ "main.tf": sleeping });
    await run(folder.path, ["init"]);

    const exit = await applyUntilStarted(folder.path, () => {}, { timeoutMs: 3000 });

    expect(exit).toMatchObject({ exitCode: 1, reason: "timed out" });
    expect(await isGone(await readPid(folder.path, "child"))).toBe(true);
  });
});

test("the environment is the given one and nothing else", async () => {
  const command = {
    terraform: { path: "/usr/bin/env" },
    args: [],
    cwd: "/",
    env: { A: "1" },
    timeoutMs: 5000,
  };

  expect(await captureTerraform(command)).toEqual({
    exitCode: 0,
    signal: null,
    reason: "exited",
    stdout: "A=1",
    stderr: "",
  });
});

test("output and exit code are complete", async () => {
  const lines: string[] = [];

  const exit = await runScript("for i in 1 2 3; do echo $i; done; echo no >&2; exit 7", {
    onLine: async (stream, line) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      lines.push(`${stream} ${line}`);
    },
  });

  expect(exit).toEqual({ exitCode: 7, signal: null, reason: "exited" });
  expect(lines.sort()).toEqual(["stderr no", "stdout 1", "stdout 2", "stdout 3"]);
});

test("a slow reader gets every line of a process that has long exited", async () => {
  let count = 0;

  await runScript("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done", {
    onLine: async () => {
      if (count++ === 0) await new Promise((resolve) => setTimeout(resolve, 1200));
    },
  });

  expect(count).toBe(3000);
});

test("a process that ignores interrupts is killed with its group", async () => {
  await using folder = await givenFolder();
  const forceCancel = new AbortController();
  const script = `trap '' INT; sleep 600 & echo $! > child; echo ready; wait; wait; wait`;

  const exit = await runScript(script, {
    cwd: folder.path,
    env: { PATH: "/usr/bin:/bin" },
    forceCancel: forceCancel.signal,
    pauses: { graceMs: 50, killAfterMs: 50 },
    onLine: () => forceCancel.abort(),
  });

  expect(exit).toEqual({ exitCode: null, signal: "SIGKILL", reason: "force-canceled" });
  expect(await isGone(await readPid(folder.path, "child"))).toBe(true);
});

test("a timeout interrupts, interrupts again and kills", async () => {
  const lines: string[] = [];

  const exit = await runScript(`trap 'echo interrupted' INT; while :; do sleep 0.05; done`, {
    env: { PATH: "/usr/bin:/bin" },
    timeoutMs: 300,
    pauses: { graceMs: 300, killAfterMs: 300 },
    onLine: (_stream, line) => void lines.push(line),
  });

  expect(exit).toEqual({ exitCode: null, signal: "SIGKILL", reason: "timed out" });
  expect(lines).toEqual(["interrupted", "interrupted"]);
});

test("a descendant that has left the group and keeps the output open holds nothing up", async () => {
  await using folder = await givenFolder();
  const started = performance.now();

  const exit = await runScript("echo out; setsid sh -c 'echo $$ > child; exec sleep 600' & sleep 0.3", {
    cwd: folder.path,
    env: { PATH: "/usr/bin:/bin" },
  });
  process.kill(await readPid(folder.path, "child"), "SIGKILL");

  expect(exit).toEqual({ exitCode: 0, signal: null, reason: "exited" });
  expect(performance.now() - started).toBeLessThan(5000);
});

test("an order to stop that comes before the start starts nothing", async () => {
  const exit = await runScript("exit 9", { cancel: AbortSignal.abort() });

  expect(exit).toEqual({ exitCode: null, signal: null, reason: "canceled" });
});

test("a run leaves no listener on its signals", async () => {
  const cancel = new AbortController();
  const forceCancel = new AbortController();

  await runScript("exit 0", { cancel: cancel.signal, forceCancel: forceCancel.signal });

  expect([cancel, forceCancel].flatMap(({ signal }) => getEventListeners(signal, "abort"))).toEqual([]);
});

test("a log that cannot be written does not stop the process", async () => {
  await using folder = await givenFolder();
  const onLine = (): void => {
    throw new Error("disk full");
  };

  const running = runScript("echo a; echo b; echo done > result", { cwd: folder.path, onLine });

  await expect(running).rejects.toThrow("disk full");
  expect(await readFile(join(folder.path, "result"), "utf8")).toBe("done\n");
});

test("a program that does not start is an error", async () => {
  await expect(runScript("", { terraform: { path: "/nowhere/terraform" } })).rejects.toThrow(
    TerraformStartError,
  );
  await expect(runScript("x".repeat(200_000))).rejects.toThrow(TerraformStartError);
});
