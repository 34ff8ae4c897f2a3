import type { TestSystem } from "../support/system.ts";
import { callOf, targetOf } from "./atlas-calls.ts";
import type { Fixture } from "./atlas-fixtures.ts";
import type { SearchReply } from "./atlas-replies.ts";
import { post } from "./client.ts";

type Found = SearchReply["versions"][number];

/** Makes what the fixture's client found on the stand-in server: an artifact, and the versions of its searches. */
export async function givenWorldOf(system: TestSystem, { exchanges }: Fixture): Promise<void> {
  const [first] = exchanges;
  if (first && callOf(first.request.line) === "search") return givenVersions(system, exchanges);
  const look = exchanges.find(({ request }) => callOf(request.line) === "artifact");
  if (!look || look.response.status === 404) return;
  const { username, name } = targetOf(look.request.line);
  await post(system, "/api/v1/artifacts", { artifact: { username, name } });
}

/** Publishes every version that a reply shows, and others for the numbers between; two where none is shown. */
async function givenVersions(system: TestSystem, exchanges: Fixture["exchanges"]): Promise<void> {
  const shown = exchanges.flatMap(({ response }) => (response.json as Partial<SearchReply>)?.versions ?? []);
  const known = new Map(shown.filter((found) => found.slug).map((found) => [found.version, found]));
  const last = known.size === 0 ? 2 : Math.max(...known.keys());
  for (let version = 1; version <= last; version++) {
    await publish(system, known.get(version) ?? unknownVersion(exchanges, version));
  }
}

function unknownVersion([first]: Fixture["exchanges"], version: number): Found {
  const { username, name, type } = targetOf(first?.request.line ?? "");
  const [tag, id] = [`${username}/${name}`, `us-east-1:ami-${version}`];
  const slug = `${tag}/${type}/${version}`;
  return { username, name, tag, slug, artifact_type: type, id, version, metadata: {}, file: false };
}

async function publish(system: TestSystem, found: Found): Promise<void> {
  const { username, name, artifact_type, id, file, version } = found;
  const build = { id, file, build_id: 9 + version, compile_id: 0, metadata: withoutDerived(found) };
  const path = `/api/v1/artifacts/${username}/${name}/${artifact_type}`;
  const created = await post(system, path, { artifact_version: build });
  if (!file) return;
  const { upload_path } = (await created.json()) as { upload_path: string };
  const stored = await fetch(upload_path, { method: "PUT", body: "the bytes of an image" });
  if (!stored.ok) throw new Error(`Cannot send the file of "${found.slug}": ${await stored.text()}`);
}

/** Without the two keys that the server derives from an id of images in regions. */
function withoutDerived({ artifact_type, id, metadata }: Found): Found["metadata"] {
  if (!id || !artifact_type.startsWith("amazon.") || !metadata) return metadata;
  const { region: _region, ami_id: _amiId, ...given } = metadata;
  return given;
}
