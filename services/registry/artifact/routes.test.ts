import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestRegistry, type TestRegistry } from "../testing/given.ts";

let registry: TestRegistry;
beforeAll(async () => {
  registry = await startTestRegistry();
});
afterAll(() => registry[Symbol.asyncDispose]());

interface Page {
  items: { name: string; namespace: string }[];
  next: string | null;
}

async function list(route: string, token = registry.token): Promise<Page> {
  return (await registry.call("GET", `/api/v2/${route}`, { token })).body;
}

test("an artifact is created once, and knows its newest visible version", async () => {
  const body = { namespace: "bakery", name: "rye", description: "a loaf" };
  const created = await registry.call("POST", "/api/v2/artifacts", { body });
  const artifact = { ...body, latest: null, createdAt: expect.stringMatching(/Z$/) as string };
  expect(created).toMatchObject({ status: 201, body: artifact });

  await registry.publish("bakery/rye/archive");
  await registry.publish("bakery/rye/archive", { file: true });

  expect((await registry.call("GET", "/api/v2/artifacts/bakery/rye")).body).toEqual({
    ...artifact,
    latest: 1,
  });
  expect(await registry.call("POST", "/api/v2/artifacts", { body })).toMatchObject({
    status: 409,
    body: { detail: 'Cannot create "bakery/rye": it exists already' },
  });
  expect(await registry.call("GET", "/api/v2/artifacts/bakery/none")).toMatchObject({
    status: 404,
    body: { detail: 'Cannot read "bakery/none": no such artifact' },
  });
});

describe("the list of artifacts", () => {
  test("is complete over its pages, newest first, while others publish", async () => {
    const names = Array.from({ length: 25 }, (_, index) => `loaf-${index}`);
    for (const name of names) await registry.publish(`pages/${name}/archive`);
    const read: string[] = [];
    let after = "";
    let more = 0;
    do {
      const page = await list(`artifacts?namespace=pages&limit=4${after}`);
      read.push(...page.items.map(({ name }) => name));
      after = page.next === null ? "" : `&after=${page.next}`;
      await registry.publish(`pages/later-${more++}/archive`);
      await registry.publish("pages/loaf-3/archive");
    } while (after !== "");

    expect(read).toEqual(names.toReversed());
  });

  test("is filtered by namespace and by the type of a visible build", async () => {
    await registry.publish("filter/image/amazon.image");
    await registry.publish("filter/both/amazon.image");
    await registry.publish("filter/both/azure.image");
    await registry.publish("filter/pending/azure.image", { file: true });
    const found = async (query: string) => (await list(`artifacts?${query}`)).items.map(({ name }) => name);

    expect(await found("namespace=filter")).toEqual(["pending", "both", "image"]);
    expect(await found("namespace=filter&type=aws.ami")).toEqual(["both", "image"]);
    expect(await found("namespace=filter&type=azure.image")).toEqual(["both"]);
    expect(await found("namespace=nobody")).toEqual([]);
  });

  test("has what the caller may see", async () => {
    await registry.publish("seen/a/archive");
    await registry.publish("unseen/b/archive");
    const token = await registry.createToken("seen:read");

    expect((await list("artifacts", token)).items.map(({ name }) => name)).toEqual(["a"]);
    expect((await list("artifacts?namespace=unseen", token)).items).toEqual([]);
    expect((await list("namespaces", token)).items.map(({ name }) => name)).toEqual(["seen"]);
    expect((await registry.call("GET", "/api/v2/artifacts", { token: null })).status).toBe(401);
  });
});

describe("namespaces", () => {
  test("are listed by name, over pages", async () => {
    for (const name of ["ns-c", "ns-a", "ns-d", "ns-b"]) {
      await registry.call("POST", "/api/v2/namespaces", { body: { name } });
    }
    const token = await registry.createToken(
      "ns-a:read",
      "ns-b:read",
      "ns-c:read",
      "ns-d:read",
      "ns-none:read",
    );
    const first = await list("namespaces?limit=3", token);
    const second = await list(`namespaces?limit=3&after=${first.next}`, token);

    expect([...first.items, ...second.items].map(({ name }) => name)).toEqual([
      "ns-a",
      "ns-b",
      "ns-c",
      "ns-d",
      "ns-none",
    ]);
    expect(second.next).toBeNull();
  });

  test("are created once, by an admin of all", async () => {
    const create = (name: string, token = registry.token) =>
      registry.call("POST", "/api/v2/namespaces", { body: { name }, token });
    const other = await registry.createToken("mine:admin");

    expect(await create("new")).toMatchObject({ status: 201, body: { name: "new" } });
    expect(await create("new")).toMatchObject({
      status: 409,
      body: { detail: 'Cannot create the namespace "new": it exists already' },
    });
    expect(await create("another", other)).toMatchObject({
      status: 403,
      body: {
        detail:
          'Cannot create the namespace "another": token "mine:admin" lacks the role "admin" in every namespace',
      },
    });
    expect((await create("-bad")).status).toBe(400);
    expect((await registry.call("GET", "/api/v2/namespaces/new", { token: other })).status).toBe(404);
    expect((await registry.call("GET", "/api/v2/namespaces/new")).body).toMatchObject({ name: "new" });
  });
});
