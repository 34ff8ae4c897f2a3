import type { Command } from "commander";
import { newIdempotencyKey, withRetries } from "./client.ts";
import type { Context } from "./context.ts";
import { formatBytes } from "./format.ts";
import { artifactPath, collect, parseBuildNumber, parsePair } from "./names.ts";
import { showProgress } from "./progress.ts";
import type { PublishedVersion, Version } from "./replies.ts";
import { assertSent, hashFile, openUpload, sendFile, type OpenFile } from "./upload.ts";

interface PublishOptions {
  type: string;
  id?: string;
  metadata?: string[];
  file?: string;
  buildNumber?: number;
  idempotencyKey?: string;
}

const uploadAgainAfterMs = [1000, 5000, 15_000];

const examples = `
Prints the version's name, such as acmeinc/web:7.

Examples:
  ingot publish acmeinc/web --type amazon.image --id us-east-1:ami-1,eu-west-1:ami-2
  ingot publish acmeinc/box --type vagrant.box --metadata provider=virtualbox --file web.box
  ingot publish acmeinc/web --type azure.image --id web-7 --build-number "$CI_PIPELINE_ID"`;

export function definePublish(command: Command, context: Context): void {
  command
    .description("Publish a version of an artifact; the first one creates the artifact.")
    .argument("<artifact>", "NAMESPACE/NAME")
    .requiredOption("-t, --type <type>", "artifact type: amazon.image, azure.image, vagrant.box, …")
    .option("-i, --id <id>", "what the builder calls its output")
    .option("-m, --metadata <key=value>", "metadata; repeat it for more", collect)
    .option("-f, --file <path>", "upload this file; the version is visible once it has arrived")
    .option(
      "--build-number <n>",
      "builds with the same number and other types form one version",
      parseBuildNumber,
    )
    .option("--idempotency-key <key>", "publish once, however often this is called with the same key")
    .addHelpText("after", examples)
    .action(async (artifact: string, options: PublishOptions) => {
      const version = await publish(context, artifact, options);
      context.note(describe(options, version));
      context.show(version, ({ artifact: name, number }) => `${name}:${number}\n`);
    });
}

async function publish(context: Context, artifact: string, options: PublishOptions): Promise<Version> {
  const path = `${artifactPath(artifact)}/versions`;
  const request = readRequest(options);
  const { idempotencyKey = newIdempotencyKey(), file: filePath } = options;
  const { client } = context;
  if (filePath === undefined) {
    const published = await client.call<PublishedVersion>("POST", path, { body: request, idempotencyKey });
    return published.version;
  }
  await using file = await openUpload(filePath);
  const body = { ...request, file: true };
  const ask = () => client.call<PublishedVersion>("POST", path, { body, idempotencyKey });
  const first = await ask();
  let published: PublishedVersion | undefined = first;
  // Asked again with the same key, a version whose file has not arrived gets another address for it.
  await withRetries(uploadAgainAfterMs, async () => {
    const asked = published ?? (await ask());
    published = undefined;
    await sendOrCompare(context, file, asked);
  });
  return client.call<Version>("GET", `${path}/${first.version.number}`);
}

function readRequest({ type, id, metadata = [], buildNumber }: PublishOptions): object {
  return {
    type,
    ...(id !== undefined && { externalId: id }),
    metadata: Object.fromEntries(metadata.map(parsePair).map(({ key, value }) => [key, value])),
    ...(buildNumber !== undefined && { buildNumber }),
  };
}

/** Without an address the file is there: a try before this one sent it, and only its reply was lost. */
async function sendOrCompare(
  { client, terminal }: Context,
  file: OpenFile,
  { version, uploadUrl }: PublishedVersion,
): Promise<void> {
  if (uploadUrl !== null) {
    using progress = showProgress(terminal.stderr, { totalBytes: file.sizeBytes });
    await sendFile(client, uploadUrl, { file, progress });
    return;
  }
  const sha256 = await hashFile(file);
  const stored = version.builds.find((build) => build.file?.sha256 === sha256) ?? version.builds[0];
  if (stored?.file) assertSent(file, { stored: stored.file, sha256 });
}

function describe({ type, id = "" }: PublishOptions, { number, builds }: Version): string {
  const size = builds.find((build) => build.externalId === id)?.file?.sizeBytes;
  const what = [type, id, size === undefined ? "" : `with a file of ${formatBytes(size)}`];
  return `Published ${what.filter(Boolean).join(" ")} as version ${number}.`;
}
