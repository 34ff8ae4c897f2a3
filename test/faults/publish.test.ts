import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir, stat } from "node:fs/promises";
import { request } from "node:http";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestDatabase } from "../support/database.ts";
import { holdCommits, holdLock, openProbe, until, untilBlocked, type Probe } from "../support/probe.ts";
import { startIngot, type Ingot } from "../support/process.ts";
import {
  accepted,
  artifactType,
  givenEnvironment,
  listVersions,
  numbersTo,
  publish,
  type Version,
} from "./given.ts";

const megabyte = 1024 * 1024;
const file = randomBytes(4 * megabyte);
const sha256 = createHash("sha256").update(file).digest("hex");

const ways = [
  { name: "the process alone", external: false, kill: (ingot: Ingot) => ingot.kill() },
  { name: "the process and its PostgreSQL", external: false, kill: (ingot: Ingot) => ingot.killEverything() },
  {
    name: "the process, on a PostgreSQL of the user's",
    external: true,
    kill: (ingot: Ingot) => ingot.kill(),
  },
];

describe.each(ways)("a publish with a file survives the death of $name", ({ external, kill }) => {
  const resources = new AsyncDisposableStack();
  let ingot: Ingot;
  let probe: Probe;

  beforeAll(async () => {
    const settings = external ? { DATABASE_URL: resources.use(await createTestDatabase()).url } : {};
    ingot = resources.use(await startIngot({ settings }));
    await givenEnvironment(ingot, { inputs: { web_ami: "acmeinc/web" } });
    await startAgain({ alive: true });
    await sendFile(ingot, (await publishFile("first")).uploadUrl);
  });
  afterAll(() => resources.disposeAsync());

  test("while the version is stored", async () => {
    {
      await using _held = await holdCommits(await ingot.databaseUrl(), "registry.build");
      const reply = publishFile("storing").catch(() => "no reply");
      await untilBlocked(probe, "publish_builds");
      await kill(ingot);
      expect(await reply).toBe("no reply");
    }
    await startAgain();

    const { version, uploadUrl } = await publishFile("storing");
    await expectHidden(version);
    expect(await sendFile(ingot, uploadUrl)).toBe(200);
    await expectWhole(version);
  });

  test("after the version is stored and before the reply", async () => {
    const held = await holdCommits(await ingot.databaseUrl(), "registry.build");
    const reply = publishFile("stored").catch(() => "no reply");
    await untilBlocked(probe, "publish_builds");
    ingot.freeze();
    await held[Symbol.asyncDispose]();
    await until("the version is stored", () =>
      probe.count("select count(*) from registry.build where idempotency_key = 'stored'"),
    );
    await kill(ingot);
    expect(await reply).toBe("no reply");
    await startAgain();

    const { version, uploadUrl } = await publishFile("stored");
    await expectHidden(version);
    expect(await sendFile(ingot, uploadUrl)).toBe(200);
    await expectWhole(version);
  });

  test("after the reply and before the file", async () => {
    const { version, uploadUrl } = await publishFile("replied");
    await kill(ingot);
    await startAgain();

    await expectHidden(version);
    expect(await sendFile(ingot, uploadUrl)).toBe(200);
    await expectWhole(version);
  });

  test("in the middle of the file", async () => {
    const { version, uploadUrl } = await publishFile("sending");
    const reply = sendHalf(ingot, uploadUrl);
    await until("a part of the file is on the disk", async () => (await temporarySize(ingot)) >= megabyte);
    await kill(ingot);
    expect(await reply).toBe("no reply");
    await startAgain();

    await expectHidden(version);
    expect(await sendFile(ingot, uploadUrl)).toBe(200);
    await expectWhole(version);
  });

  test("after the last byte and while the file is recorded", async () => {
    const { version, uploadUrl } = await publishFile("recording");
    const lock = await holdLock(
      await ingot.databaseUrl(),
      "select from registry.build where published_at is null for update",
    );
    const reply = sendFile(ingot, uploadUrl).catch(() => "no reply");
    await untilBlocked(probe, 'update "build"');
    await kill(ingot);
    expect(await reply).toBe("no reply");
    await lock[Symbol.asyncDispose]();
    await startAgain();

    await expectHidden(version);
    expect(await sendFile(ingot, uploadUrl)).toBe(200);
    await expectWhole(version);
  });

  test("after the file is recorded and before the reply", async () => {
    const { version, uploadUrl } = await publishFile("recorded");
    const held = await holdCommits(await ingot.databaseUrl(), "registry.build");
    const reply = sendFile(ingot, uploadUrl).catch(() => "no reply");
    await untilBlocked(probe, "commit");
    ingot.freeze();
    await held[Symbol.asyncDispose]();
    await until("the file is recorded", () =>
      probe.count(
        "select count(*) from registry.build where idempotency_key = 'recorded' and published_at is not null",
      ),
    );
    await kill(ingot);
    expect(await reply).toBe("no reply");
    await startAgain();

    expect(await sendFile(ingot, uploadUrl)).toBe(409);
    await expectWhole(version);
  });

  test("after the reply to the file", async () => {
    const { version, uploadUrl } = await publishFile("acknowledged");
    expect(await sendFile(ingot, uploadUrl)).toBe(200);
    await kill(ingot);
    await startAgain();

    expect(await sendFile(ingot, uploadUrl)).toBe(409);
    await expectWhole(version);
  });

  test("and every announcement took effect once", async () => {
    const versions = await listVersions(ingot);
    const effects = () =>
      probe.rows(`
        select (data->>'version')::int as version,
          (select count(*)::int from trigger.inbox where inbox.id = event.id) as taken,
          (select count(*)::int from trigger.outbox where type = 'run.requested'
            and data->'cause'->'version'->>'eventId' = event.id::text) as requested
        from registry.outbox event where type = 'artifact.version.published' order by seq`);

    const expected = versions.map(({ number: version }) => ({ version, taken: 1, requested: 1 }));
    await expect.poll(effects, { timeout: 30_000 }).toEqual(expected);
  });

  /** As a client that repeats it until it has a reply. */
  function publishFile(key: string) {
    return publish(ingot, { file: true, key });
  }

  async function startAgain({ alive = false } = {}): Promise<void> {
    if (!alive) await ingot.start();
    probe = resources.use(await openProbe(await ingot.databaseUrl()));
  }

  /** Look-ups answer as if the newest version were not there. */
  async function expectHidden({ number, builds }: Version): Promise<void> {
    expect(builds).toMatchObject([{ state: "pending" }]);
    const found = {
      latest: (await ingot.call("GET", `${resolveUrl}:latest`)).body,
      exact: (await ingot.call("GET", `${resolveUrl}:${number}`)).status,
      searched: await searchNumbers(ingot),
      downloaded: (await ingot.call("GET", fileUrl(number))).status,
    };
    const latest: unknown = expect.objectContaining({ version: number - 1 });
    expect(found).toEqual({ latest, exact: 404, searched: numbersTo(number - 1).reverse(), downloaded: 404 });
  }

  /** The version is the newest, all are there once, with its file, and nothing unfinished is left. */
  async function expectWhole({ number }: Version): Promise<void> {
    const versions = await listVersions(ingot);
    const found = {
      numbers: versions.map((version) => version.number),
      latest: (await ingot.call("GET", `${resolveUrl}:latest`)).body,
      searched: await searchNumbers(ingot),
      downloaded: await downloadedHash(ingot, number),
      temporary: await readdir(path.join(ingot.dataDir, "blobs/tmp")),
    };
    expect(found).toEqual({
      numbers: numbersTo(number),
      latest: expect.objectContaining({
        version: number,
        file: expect.objectContaining({ sha256 }) as unknown,
      }) as unknown,
      searched: numbersTo(number).reverse(),
      downloaded: sha256,
      temporary: [],
    });
  }
});

const resolveUrl = "/api/v2/resolve/acmeinc/web";

function fileUrl(number: number): string {
  return `/api/v1/artifacts/acmeinc/web/${artifactType}/${number}/file`;
}

async function searchNumbers(ingot: Ingot): Promise<number[]> {
  const reply = await ingot.call("GET", `/api/v1/artifacts/acmeinc/web/${artifactType}/search`);
  return accepted<{ versions: { version: number }[] }>(reply, 200).versions.map(({ version }) => version);
}

/** Sends the whole file to the upload's address; answers the status. */
async function sendFile(ingot: Ingot, uploadUrl: string | null): Promise<number> {
  const reply = await fetch(new URL(uploadUrl ?? "", ingot.url), { method: "PUT", body: file });
  await reply.body?.cancel();
  return reply.status;
}

async function sendHalf(ingot: Ingot, uploadUrl: string | null): Promise<string> {
  const put = request(new URL(uploadUrl ?? "", ingot.url), {
    method: "PUT",
    headers: { "content-length": file.length },
  });
  put.write(file.subarray(0, file.length / 2));
  return once(put, "response").then(
    () => "a reply",
    () => "no reply",
  );
}

async function downloadedHash(ingot: Ingot, number: number): Promise<string> {
  const reply = await fetch(`${ingot.url}${fileUrl(number)}`, { headers: { "x-atlas-token": ingot.token } });
  return createHash("sha256")
    .update(new Uint8Array(await reply.arrayBuffer()))
    .digest("hex");
}

async function temporarySize({ dataDir }: Ingot): Promise<number> {
  const directory = path.join(dataDir, "blobs/tmp");
  const names = await readdir(directory);
  const sizes = await Promise.all(names.map(async (name) => (await stat(path.join(directory, name))).size));
  return Math.max(0, ...sizes);
}
