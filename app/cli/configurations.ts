import { stat } from "node:fs/promises";
import type { Command } from "commander";
import { showList, type Context } from "./context.ts";
import { UsageError } from "./errors.ts";
import { formatAgo, formatBytes, formatCount } from "./format.ts";
import { environmentPath, parseCount } from "./names.ts";
import type { Configuration } from "./replies.ts";
import { formatTable, type Column, type Screen } from "./table.ts";

const examples = `
Left out are .terraform/, .git/, state and plan files, and what .terraformignore names.

Examples:
  ingot env config push acmeinc/prod
  ingot env config push acmeinc/prod ./infrastructure`;

export function defineConfigurations(command: Command, context: Context): void {
  command.description("Versions of an environment's Terraform configuration.");
  command
    .command("push")
    .description("Upload a directory as the newest configuration version; the next run uses it.")
    .argument("<environment>", "NAMESPACE/NAME")
    .argument("[directory]", "with *.tf files", ".")
    .addHelpText("after", examples)
    .action(async (environment: string, directory: string) => {
      const pushed = await pushDirectory(context, environment, directory);
      context.show(pushed, () => "");
      const { number, files, sizeBytes } = pushed;
      const size = `${formatCount(files, "file")}, ${formatBytes(sizeBytes)}`;
      context.note(`Pushed configuration ${number} of ${environment}: ${size}.`);
    });
  command
    .command("list")
    .description("List the configuration versions, newest first.")
    .argument("<environment>", "NAMESPACE/NAME")
    .option("-n, --limit <n>", "how many", parseCount, 20)
    .action(async (environment: string, { limit }: { limit: number }) => {
      const path = `${environmentPath(environment)}/configurations`;
      const page = await context.client.list<Configuration>(path, { limit });
      showList(context, page, { render: renderConfigurations, empty: "No configurations." });
    });
}

async function pushDirectory(
  { client }: Context,
  environment: string,
  directory: string,
): Promise<Configuration> {
  const path = `${environmentPath(environment)}/configurations`;
  const stats = await stat(directory).catch(() => undefined);
  if (!stats?.isDirectory()) throw new UsageError(`Cannot push "${directory}": no such directory`);
  const { packDirectory } = await import("#runner/configuration/archive-pack.ts");
  const bytes = packDirectory(directory) as AsyncIterable<Uint8Array>;
  const response = await client.stream("POST", path, {
    headers: { "content-type": "application/gzip" },
    bytes,
  });
  return (await response.json()) as Configuration;
}

const columns: readonly Column<Configuration>[] = [
  { title: "NUMBER", value: ({ number }) => String(number), align: "right" },
  { title: "FILES", value: ({ files }) => String(files), align: "right" },
  { title: "SIZE", value: ({ sizeBytes }) => formatBytes(sizeBytes), align: "right" },
  { title: "PUSHED", value: ({ createdAt }) => formatAgo(createdAt) },
  { title: "BY", value: ({ uploadedBy }) => uploadedBy },
  { title: "SHA256", value: ({ sha256 }) => sha256.slice(0, 12) },
];

function renderConfigurations(configurations: readonly Configuration[], screen: Screen): string {
  return formatTable(configurations, columns, screen);
}
