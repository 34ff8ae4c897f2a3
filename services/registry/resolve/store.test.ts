import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestStore, type TestStore } from "../testing/given.ts";
import { findReferencedBuilds } from "./store.ts";

let store: TestStore;
const count = 20_000;

/** 20 000 versions, of which every second has two types and the newest ten have a file that has not arrived. */
beforeAll(async () => {
  store = await openTestStore();
  await store.publish();
  const { pool } = store.database;
  await pool.query(`
    insert into version (artifact_id, number, created_at) select 1, n, now() from generate_series(2, ${count}) n;
    insert into build (id, artifact_id, number, type, external_id, metadata, published_by, created_at, published_at, has_file)
      select uuid_v7(), 1, n, type, 'us-east-1:ami-' || n, '{}', 'ci', now(), case when n <= ${count - 10} then now() end, n > ${count - 10}
      from generate_series(2, ${count}) n, unnest(array['amazon.image', 'azure.image']) type
      where type = 'amazon.image' or n % 2 = 0;
    insert into artifact (namespace, name) select 'acmeinc', 'other-' || n from generate_series(1, 500) n;
    update artifact set last_number = ${count} where id = 1;
    analyze`);
});
afterAll(() => store[Symbol.asyncDispose]());

const web = { namespace: "acmeinc", name: "web" };

test.each([
  ["latest", undefined, count - 10, ["amazon.image", "azure.image"]],
  ["latest", "amazon.image", count - 10, ["amazon.image"]],
  ["latest", "qemu.image", undefined, []],
  [7, undefined, 7, ["amazon.image"]],
  [8, "azure.image", 8, ["azure.image"]],
  [count, undefined, undefined, []],
] as const)("version %s of type %s is number %s with %j", async (version, type, number, types) => {
  const builds = await findReferencedBuilds(store.database, { ...web, version, type });

  expect(builds.map((build) => build.type)).toEqual(types);
  expect(new Set(builds.map((build) => build.number))).toEqual(new Set(number === undefined ? [] : [number]));
});

interface PlanNode {
  "Node Type": string;
  "Actual Rows": number;
  "Actual Loops": number;
  Plans?: PlanNode[];
}

function nodesOf(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

test.each([undefined, "amazon.image"])(
  "latest of type %s reads an index and a handful of rows",
  async (type) => {
    const statements: { text: string; values: (string | number)[] }[] = [];
    const query = async (statement: { text: string; values: (string | number)[] }) => {
      statements.push(statement);
      return { rows: [] };
    };
    await findReferencedBuilds({ pool: { query } as never }, { ...web, version: "latest", type });
    const [{ text, values } = { text: "", values: [] }] = statements;

    for (const mode of ["force_generic_plan", "force_custom_plan"]) {
      const client = await store.database.pool.connect();
      await client.query(`set plan_cache_mode = ${mode}`);
      await client.query(`prepare hot as ${text}`);
      const literals = values.map((value) => `'${value}'`).join(", ");
      const { rows } = await client.query<{ "QUERY PLAN": [{ Plan: PlanNode }] }>(
        `explain (analyze, format json) execute hot (${literals})`,
      );
      await client.query("deallocate hot; reset plan_cache_mode");
      client.release();

      const nodes = nodesOf(rows[0]?.["QUERY PLAN"][0].Plan as PlanNode);
      const types = nodes.map((node) => node["Node Type"]);
      expect({ mode, slow: types.filter((name) => /Seq Scan|Sort|Bitmap/.test(name)) }).toEqual({
        mode,
        slow: [],
      });
      expect(types).toContain("Index Scan");
      expect(
        Math.max(...nodes.map((node) => node["Actual Rows"] * node["Actual Loops"])),
      ).toBeLessThanOrEqual(2);
    }
  },
);
