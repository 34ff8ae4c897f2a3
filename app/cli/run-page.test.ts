import { expect, test } from "vitest";
import type { Run } from "./replies.ts";
import { renderRun } from "./run-page.ts";
import { listNextCommands } from "./run-state.ts";
import { plainScreen } from "./table.ts";

const createdAt = new Date().toISOString();

function givenRun(parts: Partial<Run> = {}): Run {
  const nobody = { event: null, artifact: null, version: null, type: null, at: null };
  return {
    id: "01a1fe67-5b59-76fe-97a3-d0b592937b63",
    environment: "acmeinc/prod",
    number: 2,
    state: "pending",
    message: "",
    destroy: false,
    cause: { kind: "user", by: "ana", ...nobody },
    inputs: [],
    configuration: null,
    terraform: null,
    changes: null,
    error: null,
    cancelRequested: false,
    createdBy: "ana",
    confirmedBy: null,
    endedBy: null,
    supersededBy: null,
    createdAt,
    planningAt: null,
    plannedAt: null,
    confirmedAt: null,
    applyingAt: null,
    endedAt: null,
    ...parts,
  };
}

test("a run that waits shows who asked and what can be done", () => {
  const text = renderRun(givenRun({ message: "larger", destroy: true }), plainScreen);

  expect(text.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, "TIME")).toBe(`\
acmeinc/prod#2 waits for its turn

  id        01a1fe67-5b59-76fe-97a3-d0b592937b63
  message   larger
  cause     ana asked for it at TIME
  destroys  everything in the state
  times     created   TIME  just now
  next      ingot run logs -f acmeinc/prod#2
            ingot run cancel acmeinc/prod#2
`);
});

test("an input that stays as it was is told once", () => {
  const input = { variable: "ami", reference: "a/b:latest", artifact: "a/b", version: 1, id: "ami-1" };
  const same = { ...input, previous: { version: 1, id: "ami-1" } };
  const other = { ...input, variable: "os", previous: { version: 3, id: "ami-0" } };

  const text = renderRun(givenRun({ inputs: [same, other] }), plainScreen);

  expect(text).toContain("  ami = a/b:latest: ami-1 (version 1)\n");
  expect(text).toContain("  os = a/b:latest: ami-0 (version 3) -> ami-1 (version 1)\n");
});

test("the next commands follow the state", () => {
  const next = (parts: Partial<Run>) => listNextCommands(givenRun(parts)).at(-1);

  expect([
    next({ state: "planned" }),
    next({ state: "applying", cancelRequested: true }),
    next({ state: "errored" }),
    next({ state: "applied" }),
  ]).toEqual([
    "ingot run discard acmeinc/prod#2",
    "ingot run cancel acmeinc/prod#2 --force",
    "ingot run start acmeinc/prod --follow",
    undefined,
  ]);
});
