import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { startPostgres } from "./postgres.ts";

/** The README's commands, the same suite on a PostgreSQL of the machine, and the tests against real clients. */
const scratch = await mkdtemp(path.join(tmpdir(), "ingot-ci-"));
const reports: string[] = [];
try {
  await step("types, lint, format, generated code", "npm", ["run", "--silent", "check:static"]);
  await step("demo", "npm", ["run", "--silent", "demo"]);
  await test("unit and story tests on the embedded database", "test");
  await using postgres = await startPostgres(path.join(scratch, "postgres"));
  await test("the same tests on PostgreSQL 15", "test", { INGOT_TEST_DATABASE_URL: postgres.url });
  await test("real clients and faults", "test:real", { INGOT_TEST_DATABASE_URL: postgres.url });
} finally {
  await sum();
  await rm(scratch, { recursive: true, force: true });
}

async function step(title: string, command: string, args: readonly string[], env = {}): Promise<void> {
  console.log(`\n=== ${title}`);
  const began = performance.now();
  const child = spawn(command, args, {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
  });
  const [code] = (await once(child, "exit")) as [number | null];
  console.log(
    `=== ${title}: ${code === 0 ? "done" : "FAILED"} in ${Math.round((performance.now() - began) / 1000)} s`,
  );
  if (code !== 0) process.exitCode = 1;
}

async function test(title: string, script: string, env = {}): Promise<void> {
  const report = path.join(scratch, `${reports.length}.json`);
  reports.push(report);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  await step(title, "npm", ["run", "--silent", script, "--", ...reporters], env);
}

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
}

/** The last line counts all tests; a skipped one fails the run, for here everything is at hand. */
async function sum(): Promise<void> {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const report of reports) {
    const counts = JSON.parse(await readFile(report, "utf8").catch(() => "{}")) as Partial<Report>;
    if (!counts.numPassedTests) process.exitCode = 1;
    total.passed += counts.numPassedTests ?? 0;
    total.failed += counts.numFailedTests ?? 0;
    total.skipped += (counts.numPendingTests ?? 0) + (counts.numTodoTests ?? 0);
  }
  if (total.skipped > 0) {
    console.log("Skipped tests fail the run: what they need must be installed by it");
    process.exitCode = 1;
  }
  if (process.exitCode && total.failed === 0) console.log("A step other than a test failed: see above");
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
}
