import { expect, test } from "vitest";
import { givenEnvironment, waitForRun } from "../support/environment.ts";
import { followRun, type RunEvent } from "../support/run-stream.ts";
import { givenMeeting, startStorySystem } from "../support/story.ts";

const system = await startStorySystem();

function provisioned(command: string): Record<string, string> {
  const provisioner = `provisioner "local-exec" { command = ${JSON.stringify(command)} }`;
  return { "main.tf": `resource "terraform_data" "vm" {\n  ${provisioner}\n}\n` };
}

const textOf = (events: readonly RunEvent[]) =>
  events.map((event) => (event.type === "log" ? event.text : "")).join("");
const statesOf = (events: readonly RunEvent[]) =>
  events.flatMap((event) => (event.type === "state" ? [event.state] : []));

test.concurrent(
  "the log of a run streams while it runs, resumes where it broke off and is kept",
  async () => {
    await using meeting = await givenMeeting();
    const files = provisioned(`echo before the gate; ${meeting.gate("apply")}; echo after the gate`);
    const environment = await givenEnvironment(system, { files, autoApply: true });
    const run = await environment.start();

    const early: RunEvent[] = [];
    for await (const event of followRun(system, run.id)) {
      early.push(event);
      if (event.type === "log" && event.text.includes("(local-exec): before")) break;
    }
    await meeting.open("apply");
    const last = early.at(-1);
    const late: RunEvent[] = [];
    for await (const event of followRun(system, run.id, {
      lastEventId: last?.type === "log" ? last.id : "0",
    })) {
      late.push(event);
    }

    expect(textOf(early)).not.toContain("(local-exec): after");
    expect(textOf(late)).toContain("(local-exec): after the gate");
    expect(statesOf(late)).toEqual(["applying", "applied"]);
    const kept = await system.call("GET", `/api/v2/runs/${run.id}/log`);
    expect(kept.body).toBe(textOf(early) + textOf(late));
  },
);

test.concurrent("very long and binary output leaves the run and its log whole", async () => {
  const long = "head -c 2500000 /dev/zero | tr '\\0' x; echo";
  const binary = "printf 'bytes \\377\\376\\000 end\\n'";
  const many = "seq 1 20000";
  const environment = await givenEnvironment(system, {
    files: provisioned(`${long}; ${binary}; ${many}; echo done with it`),
    autoApply: true,
  });

  const run = await waitForRun(system, await environment.start(), ["applied"]);

  const log = (await system.call("GET", `/api/v2/runs/${run.id}/log`)).body as string;
  const lines = log.split("\n").map((line) => line.replace("terraform_data.vm: (local-exec): ", ""));
  expect(lines.filter((line) => line.startsWith("bytes "))).toEqual(["bytes \u{fffd}\u{fffd}\u{fffd} end"]);
  expect(lines.filter((line) => /^\d+$/.test(line))).toHaveLength(20_000);
  expect(lines).toContain("done with it");
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(1_100_000);
});
