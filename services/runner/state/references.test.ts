import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { readReferences } from "./references.ts";

function givenState(resources: object[]): Buffer {
  return Buffer.from(JSON.stringify({ version: 4, serial: 3, lineage: "l", outputs: {}, resources }));
}

test("a state tells which artifacts its resources and data sources use", () => {
  const state = givenState([
    {
      mode: "data",
      type: "atlas_artifact",
      name: "web",
      instances: [{ attributes: { name: "acmeinc/web", type: "amazon.image", version: "7" } }],
    },
    {
      module: "module.db",
      mode: "managed",
      type: "atlas_artifact",
      name: "all",
      instances: [
        { index_key: "a", attributes: { name: "acmeinc/db", type: "azure.image", channel: "production" } },
        { index_key: 1, attributes: { name: "acmeinc/db", type: "azure.image", version: null } },
      ],
    },
    { mode: "managed", type: "terraform_data", name: "vm", instances: [{ attributes: { name: "a/b" } }] },
  ]);

  const references = readReferences(state);

  const db = { artifact: "acmeinc/db", type: "azure.image", region: "" };
  expect(references).toEqual([
    {
      artifact: "acmeinc/web",
      version: "7",
      type: "amazon.image",
      region: "",
      from: "data.atlas_artifact.web",
    },
    { ...db, version: "production", from: 'module.db.atlas_artifact.all["a"]' },
    { ...db, version: "latest", from: "module.db.atlas_artifact.all[1]" },
  ]);
});

test("an artifact without a name of two parts is passed over", () => {
  const state = givenState([
    { mode: "data", type: "atlas_artifact", name: "x", instances: [{ attributes: { name: "web" } }, {}] },
  ]);

  expect(readReferences(state)).toEqual([]);
});
