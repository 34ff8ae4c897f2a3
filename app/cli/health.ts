import type { Command } from "commander";
import type { Context } from "./context.ts";
import { FailedError } from "./errors.ts";
import type { Readiness } from "./replies.ts";
import { formatTable, type Column, type Screen } from "./table.ts";

type Check = Readiness["checks"][number];

export function defineHealth(command: Command, context: Context): void {
  command
    .description(
      "Whether the server is ready, and what it depends on. Needs no token; exits with 1 when not ready.",
    )
    .addHelpText("after", "\nExamples:\n  ingot health\n  until ingot health; do sleep 1; done")
    .action(async () => {
      const readiness = await context.client.call<Readiness>("GET", "/readyz", { accept: [503] });
      context.show(readiness, renderChecks);
      if (!readiness.ready) throw new FailedError(`${context.client.url} is not ready`);
      context.note(`${context.client.url} is ready.`);
    });
}

const columns: readonly Column<Check>[] = [
  { value: ({ ok }) => (ok ? "ok" : "failed"), style: colour },
  { value: ({ name }) => name },
  { value: ({ detail }) => detail },
  { value: ({ ok, critical }) => (ok || critical ? "" : "(the server works without it)") },
];

function colour({ ok, critical }: Check) {
  if (ok) return "green";
  return critical ? "red" : "yellow";
}

function renderChecks({ checks }: Readiness, screen: Screen): string {
  return formatTable(checks, columns, screen);
}
