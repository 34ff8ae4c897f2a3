import type { Command } from "commander";
import { showList, type Context } from "./context.ts";
import { formatAgo, formatBytes } from "./format.ts";
import { artifactPath, collect, parseCount, parsePair } from "./names.ts";
import type { Build, Version } from "./replies.ts";
import { formatTable, type Column, type Screen } from "./table.ts";

interface VersionsOptions {
  type?: string;
  metadata?: string[];
  limit: number;
}

const examples = `
Examples:
  ingot versions acmeinc/web
  ingot versions acmeinc/web --type amazon.image --metadata git=3a0a1d5 --limit 5`;

export function defineVersions(command: Command, context: Context): void {
  command
    .description("List the versions of an artifact, newest first; a line for each build.")
    .argument("<artifact>", "NAMESPACE/NAME")
    .option("-t, --type <type>", "only versions that have this artifact type")
    .option("-m, --metadata <key=value>", "only versions with this metadata; repeat it for more", collect)
    .option("-n, --limit <n>", "how many", parseCount, 20)
    .addHelpText("after", examples)
    .action(async (artifact: string, { type, metadata = [], limit }: VersionsOptions) => {
      metadata.forEach(parsePair);
      const query = { type, metadata };
      const page = await context.client.list<Version>(`${artifactPath(artifact)}/versions`, { query, limit });
      showList(context, page, { render: renderVersions, empty: "No such versions." });
    });
}

type Row = { version: Version; build: Build };

const columns: readonly Column<Row>[] = [
  { title: "VERSION", align: "right", value: ({ version }) => String(version.number), style: () => "bold" },
  { title: "TYPE", value: ({ build }) => build.type },
  { title: "ID", value: ({ build }) => build.externalId, shrinks: true },
  { title: "PUBLISHED", value: ({ build }) => publishedAt(build) },
  { title: "BY", value: ({ build }) => build.publishedBy },
  {
    title: "FILE",
    align: "right",
    value: ({ build }) => (build.file ? formatBytes(build.file.sizeBytes) : ""),
  },
];

function renderVersions(versions: readonly Version[], screen: Screen): string {
  const rows = versions.flatMap((version) => version.builds.map((build) => ({ version, build })));
  return formatTable(rows, columns, screen);
}

function publishedAt({ state, publishedAt: time }: Build): string {
  return state === "pending" ? "file awaited" : formatAgo(time);
}
