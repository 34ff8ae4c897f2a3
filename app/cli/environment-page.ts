import type { Client } from "./client.ts";
import { formatAgo } from "./format.ts";
import { renderInputs } from "./inputs.ts";
import { environmentPath } from "./names.ts";
import type { Environment, Input, Run, Variable } from "./replies.ts";
import { formatDetails, type Screen } from "./table.ts";
import { renderVariables } from "./variables.ts";

export interface EnvironmentPage extends Environment {
  inputs: Input[];
  variables: Variable[];
  newestRun: Run | null;
}

export async function readEnvironmentPage(client: Client, environment: string): Promise<EnvironmentPage> {
  const path = environmentPath(environment);
  const list = <T>(what: string, query = {}) =>
    client.call<{ items: T[] }>("GET", `${path}/${what}`, { query }).then(({ items }) => items);
  const [settings, inputs, variables, runs] = await Promise.all([
    client.call<Environment>("GET", path),
    list<Input>("inputs"),
    list<Variable>("variables"),
    list<Run>("runs", { limit: 1 }),
  ]);
  return { ...settings, inputs, variables, newestRun: runs[0] ?? null };
}

export function renderEnvironmentPage(page: EnvironmentPage, screen: Screen): string {
  const name = `${page.namespace}/${page.name}`;
  const details = formatDetails(
    [
      ["about", page.description],
      ["applies", page.autoApply ? "by itself" : "when an operator confirms"],
      ["configuration", describeConfiguration(page, name)],
      ["newest run", describeRun(page.newestRun)],
      ["created", formatAgo(page.createdAt)],
      ["held", page.held && [page.held.reason, `by run ${page.held.run}`, `ingot env unlock ${name}`]],
    ],
    screen,
  );
  const tables = [
    renderInputs(page.inputs, screen) || "No inputs: ingot env input binds a variable to a reference.\n",
    renderVariables(page.variables, screen) || "No variables: ingot env set sets them.\n",
  ];
  return [`${screen.paint("bold", name)}\n${details}`, ...tables].join("\n");
}

function describeConfiguration({ configuration }: EnvironmentPage, name: string): string {
  return configuration === null
    ? `none: ingot env config push ${name} DIRECTORY`
    : `version ${configuration}`;
}

function describeRun(run: Run | null): string | null {
  return run && `#${run.number} ${run.state}, ${formatAgo(run.endedAt ?? run.plannedAt ?? run.createdAt)}`;
}
