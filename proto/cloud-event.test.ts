import { expect, test } from "vitest";
import { decodeData, encodeData, toCloudEvent } from "./cloud-event.ts";
import { timestampDate, timestampFromDate } from "./time.ts";

const published = "artifact.version.published";
const row = {
  id: "0192d0e7-0000-7000-8000-000000000000",
  type: published,
  subject: "acmeinc/web",
  time: new Date("2026-11-21T12:00:00Z"),
  data: { artifact: "acmeinc/web", version: 7 },
};

test("a stored fact becomes a CloudEvent", () => {
  expect(toCloudEvent("/registry", row)).toEqual({
    specversion: "1.0",
    id: row.id,
    source: "/registry",
    type: published,
    subject: "acmeinc/web",
    time: "2026-11-21T12:00:00.000Z",
    datacontenttype: "application/json",
    data: row.data,
  });
});

test("an event type that is not in the vocabulary is not announced", () => {
  expect(() => toCloudEvent("/registry", { ...row, type: "loaf.baked" })).toThrow(
    'Cannot announce "loaf.baked": no such event type',
  );
});

test("data is proto3 JSON and comes back as it was", () => {
  const at = new Date("2026-11-21T12:00:00.123Z");
  const data = encodeData(published, {
    artifact: "acmeinc/web",
    version: 7,
    metadata: { "a b": "é" },
    publishedAt: timestampFromDate(at),
    file: { sizeBytes: 2n ** 40n, sha256: "ab" },
  });

  expect(data).toEqual({
    artifact: "acmeinc/web",
    version: 7,
    metadata: { "a b": "é" },
    publishedAt: "2026-11-21T12:00:00.123Z",
    file: { sizeBytes: "1099511627776", sha256: "ab" },
  });
  const read = decodeData(published, { type: published, data });
  expect(read).toMatchObject({ version: 7, metadata: { "a b": "é" }, file: { sizeBytes: 2n ** 40n } });
  expect(read.publishedAt && timestampDate(read.publishedAt)).toEqual(at);
});

test("members of a newer release are passed over, and of an older one have their defaults", () => {
  const data = { version: 7, signedBy: "a newer release" };

  expect(decodeData(published, { type: published, data })).toMatchObject({
    artifact: "",
    version: 7,
    metadata: {},
  });
});

test("data of another type is not read", () => {
  expect(() => decodeData("run.planned", { type: published, data: {} })).toThrow(
    'Cannot read the event as "run.planned": it is "artifact.version.published"',
  );
});
