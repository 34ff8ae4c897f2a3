import type { Command } from "commander";
import { showList, type Context } from "./context.ts";
import { formatAgo } from "./format.ts";
import type { Namespace } from "./replies.ts";
import { formatTable, type Column, type Screen } from "./table.ts";

export function defineNamespaces(command: Command, context: Context): void {
  command.description("List and create namespaces: the owners of artifacts and environments.");
  command
    .command("list")
    .description("List the namespaces that the token may see.")
    .action(async () => {
      const page = await context.client.list<Namespace>("/api/v2/namespaces", { limit: Infinity });
      showList(context, page, { render: renderNamespaces, empty: "No namespaces." });
    });
  command
    .command("create")
    .description("Create a namespace. Needs a token with the scope *:admin.")
    .argument("<name>", "letters, digits, '.', '_', '-'; at most 50")
    .addHelpText("after", "\nExamples:\n  ingot namespace create acmeinc")
    .action(async (name: string) => {
      const created = await context.client.call<Namespace>("POST", "/api/v2/namespaces", { body: { name } });
      context.show(created, () => "");
      context.note(`Created the namespace ${created.name}.`);
    });
}

const columns: readonly Column<Namespace>[] = [
  { title: "NAMESPACE", value: ({ name }) => name },
  { title: "CREATED", value: ({ createdAt }) => formatAgo(createdAt) },
];

function renderNamespaces(namespaces: readonly Namespace[], screen: Screen): string {
  return formatTable(namespaces, columns, screen);
}
