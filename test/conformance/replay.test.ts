import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestSystem, type TestSystem } from "../support/system.ts";
import { readFixture, readFixtures } from "./atlas-fixtures.ts";
import { replay } from "./replay.ts";

/** Recorded with failures injected, or with an address that only Ingot understands. */
const oddReplies = /^(pk2-.*|pk17-.*|tf9-data-(404|429|500|minimal-reply|two-matches))$/;

let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(() => system[Symbol.asyncDispose]());

describe("a recorded client gets replies that it accepts", () => {
  const fixtures = readFixtures().map((fixture, index) => ({ ...fixture, index }));

  test.each(fixtures)("$name: $description", async ({ index, ...fixture }) => {
    const namespace = `r${String(index).padStart(3, "0")}`;

    const { statuses } = await replay(system, fixture, {
      namespace,
      oddReplies: oddReplies.test(fixture.name),
    });

    expect(statuses).toHaveLength(fixture.exchanges.length);
  });
});

describe("a client whose address ends in /api/v1, as Packer's documentation has it, is served too", () => {
  test.each([
    ["pk01-missing-created-uploaded", "d001"],
    ["pk03-single-plain-file", "d002"],
    ["ag-search", "d003"],
  ])("%s", async (name, namespace) => {
    const fixture = readFixture(name);

    const { statuses } = await replay(system, fixture, { namespace, pathPrefix: "/api/v1" });

    expect(statuses).toHaveLength(fixture.exchanges.length);
  });
});
