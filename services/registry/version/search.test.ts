import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestRegistry, type TestRegistry } from "../testing/given.ts";
import { readSearch } from "./search.ts";

let registry: TestRegistry;
const web = "acmeinc/web/amazon.image";

beforeAll(async () => {
  registry = await startTestRegistry();
  const multi = "us-east-1:ami-4,eu-west-1:ami-5";
  await registry.publish(web, { build_id: 10, metadata: { os: "debian", arch: "x86" } }); // 1
  await registry.publish("acmeinc/web/azure.image", { metadata: { os: "windows" } }); // 2
  await registry.publish(web, { build_id: 12, metadata: { os: "debian", arch: "arm", note: "" } }); // 3
  await registry.publish(web, {
    build_id: 11,
    id: multi,
    metadata: { os: "alpine", "a b/c:d": "x & y=z+é" },
  }); // 4
  await registry.publish(web, { build_id: 12, metadata: { os: "debian", tags: "blue,green" } }); // 5
  await registry.publish(web, {
    build_id: 20,
    id: "hidden",
    file: true,
    metadata: { os: "debian", hidden: "1" },
  }); // 6
  await registry.publish("acmeinc/web/azure.image", { build_id: 30 }); // 7
});
afterAll(() => registry[Symbol.asyncDispose]());

async function search(query: string, path = web) {
  const reply = await registry.call("GET", `/api/v1/artifacts/${path}/search?${query}`);
  const { versions } = reply.body as { versions?: { version: number }[] };
  return {
    status: reply.status,
    found: versions?.map(({ version }) => version),
    body: reply.body as unknown,
  };
}

const os = (value: string) => `metadata.1.key=os&metadata.1.value=${value}`;
const encoded = new URLSearchParams({
  "metadata.7.key": "a b/c:d",
  "metadata.7.value": "x & y=z+é",
}).toString();

describe("a search finds", () => {
  test.each([
    ["", [5, 4, 3, 1], "without a selector everything visible, newest first"],
    ["version=latest", [5], "the newest visible"],
    ["version=any", [5], "any, which is the newest"],
    ["version=3", [3], "a number"],
    ["version=2", [], "no version that has another type"],
    ["version=6", [], "no version whose file has not arrived"],
    ["version=99", [], "no version that is not there"],
    ["version=0", [], "no version 0"],
    ["version=2147483647", [], "no version of the largest number"],
    ["version=", [5, 4, 3, 1], "everything for an empty selector"],
    ["build=latest", [5], "the newest of the highest visible build number"],
    ["build=any", [5], "the newest that has a build number"],
    ["build=11", [4], "a build number"],
    ["build=12", [5], "the newest of a build number"],
    ["build=20", [], "no build whose file has not arrived"],
    ["build=9007199254740991", [], "no build of the largest number"],
    ["version=latest&build=11", [5], "by version where both are given"],
    ["build=11&version=any", [5], "by version in any order"],
    ["metadata.1.key=arch", [3, 1], "a key"],
    ["metadata.1.key=note&metadata.1.value=", [3], "an empty value"],
    ["metadata.1.key=os&metadata.1.value=", [], "an empty value and no other"],
    [os("debian"), [5, 3, 1], "a value"],
    [os("deb"), [], "no part of a value"],
    ["metadata.1.key=tags&metadata.1.value=green", [5], "a member of a list"],
    ["metadata.1.key=tags&metadata.1.value=blue,green", [5], "a whole list"],
    ["metadata.1.key=region&metadata.1.value=eu-west-1", [4], "a region of several"],
    [`${os("debian")}&metadata.2.key=arch&metadata.2.value=arm`, [3], "what two filters match"],
    [`metadata.9.key=arch&${os("debian")}`, [3, 1], "what filters of any numbers match"],
    [encoded, [4], "what is encoded as a form"],
    [
      "metadata.7.key=a%20b%2Fc%3Ad&metadata.7.value=x+%26%20y%3Dz%2B%C3%A9",
      [4],
      "what is encoded in another way",
    ],
    [`version=latest&${os("debian")}`, [5], "the latest where it matches"],
    [`version=latest&${os("alpine")}`, [], "nothing where the latest does not match"],
    [`version=any&${os("alpine")}`, [4], "the newest that matches"],
    [`version=3&${os("alpine")}`, [], "no number that does not match"],
    ["build=latest&metadata.1.key=arch", [3], "the newest of the latest build that matches"],
    [`build=latest&${os("alpine")}`, [], "nothing where the latest build does not match"],
    [`build=any&${os("alpine")}`, [4], "the newest of any build that matches"],
    ["metadata.1.value=debian", [5, 4, 3, 1], "everything for a value without a key"],
    ["unknown=1", [5, 4, 3, 1], "everything for an unknown parameter"],
  ])("%j: %j, %s", async (query, found) => {
    expect(await search(query)).toMatchObject({ status: 200, found });
  });

  test("an artifact or a type that is not there as nothing", async () => {
    for (const path of [
      "acmeinc/nothing/amazon.image",
      "nobody/web/amazon.image",
      "acmeinc/web/qemu.image",
    ]) {
      expect(await search("version=latest", path)).toMatchObject({ status: 200, body: { versions: [] } });
    }
  });

  test("the aliases of a type as that type", async () => {
    for (const alias of ["amazon.ami", "aws.ami"]) {
      expect(await search("version=4", `acmeinc/web/${alias}`)).toMatchObject({
        body: { versions: [{ artifact_type: "amazon.image", slug: "acmeinc/web/amazon.image/4" }] },
      });
    }
  });

  test("versions in the shape of Atlas", async () => {
    expect((await search("version=4")).body).toEqual({
      versions: [
        {
          username: "acmeinc",
          name: "web",
          tag: "acmeinc/web",
          slug: "acmeinc/web/amazon.image/4",
          artifact_type: "amazon.image",
          id: "us-east-1:ami-4,eu-west-1:ami-5",
          version: 4,
          metadata: {
            os: "alpine",
            "a b/c:d": "x & y=z+é",
            ami_id: "ami-4,ami-5",
            region: "us-east-1,eu-west-1",
          },
          file: false,
        },
      ],
    });
  });
});

describe("a search is refused", () => {
  const number = "expected latest, any or a number up to";
  test.each([
    ["version=newest", `Cannot search by version "newest": ${number} 2147483647`],
    ["version=-1", `Cannot search by version "-1": ${number} 2147483647`],
    ["version=1.5", `Cannot search by version "1.5": ${number} 2147483647`],
    ["version=2147483648", `Cannot search by version "2147483648": ${number} 2147483647`],
    ["version=1&version=2", `Cannot search by version ["1","2"]: ${number} 2147483647`],
    ["build=9007199254740992", `Cannot search by build "9007199254740992": ${number} 9007199254740991`],
    [
      "metadata.1.key=a&metadata.1.key=b",
      'Cannot search by metadata.1 [["a","b"],null]: expected one key and at most one value',
    ],
    [
      "metadata.1.key=a&metadata.1.value=b&metadata.1.value=c",
      'Cannot search by metadata.1 ["a",["b","c"]]: expected one key and at most one value',
    ],
  ])("by %j, with the rule", async (query, text) => {
    expect(await search(query)).toMatchObject({ status: 422, body: { errors: [text] } });
  });
});

test("a filter is read by its number, whatever the order", () => {
  const query = {
    "metadata.2.value": "",
    "metadata.10.key": "b",
    "metadata.2.key": "a",
    "metadata.x.key": "c",
  };

  expect(readSearch(query)).toEqual({
    selector: { by: "none" },
    filters: [
      { key: "b", value: undefined },
      { key: "a", value: "" },
    ],
  });
});
