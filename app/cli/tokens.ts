import type { Command } from "commander";
import { roles } from "#core/access.ts";
import { showList, type Context } from "./context.ts";
import { UsageError } from "./errors.ts";
import { formatAgo, formatTime } from "./format.ts";
import { collect } from "./names.ts";
import type { Token } from "./replies.ts";
import { formatTable, type Column, type Screen } from "./table.ts";

const examples = `
A scope is NAMESPACE:ROLE; * stands for every namespace. Each role includes those before it:
  read     see artifacts, environments and runs
  publish  publish versions
  operate  change environments' variables and inputs; start, confirm and cancel runs
  admin    create environments and tokens

Prints the token, and nothing else, to stdout: it is shown this once.

Examples:
  ingot token create packer --scope acmeinc:publish --expires 90d
  INGOT_TOKEN=$(ingot token create deploy --scope acmeinc:operate --scope shared:read)`;

export function defineTokens(command: Command, context: Context): void {
  command.description("List, create and revoke tokens.");
  defineCreate(command.command("create"), context);
  command
    .command("list")
    .description("List the tokens that yours administers, newest first; secrets are never shown.")
    .option("-a, --all", "revoked and expired ones too")
    .action(async ({ all = false }: { all?: boolean }) => {
      const { items } = await context.client.call<{ items: Token[] }>("GET", "/api/v2/tokens");
      const shown = all ? items : items.filter((token) => stateOf(token) === "");
      showList(context, { items: shown, more: false }, { render: renderTokens, empty: "No tokens." });
    });
  command
    .command("revoke")
    .description("Revoke a token: from now on it is refused.")
    .argument("<id>", "from ingot token list")
    .action(async (id: string) => {
      if (!/^[0-9a-f-]{36}$/i.test(id)) throw new UsageError(`Cannot use "${id}" as the id of a token`);
      context.show(await context.client.call("DELETE", `/api/v2/tokens/${id}`), () => "");
      context.note(`Revoked the token ${id}.`);
    });
}

function defineCreate(command: Command, context: Context): void {
  command
    .description("Create a token. Needs the role admin in every namespace of its scopes.")
    .argument("<name>", "shown as the author of what the token does")
    .requiredOption("-s, --scope <namespace:role>", "what it may do; repeat it for more", collect)
    .option("-e, --expires <when>", "30d, 12h, 2w, or a date such as 2027-01-31")
    .addHelpText("after", examples)
    .action(async (name: string, { scope, expires }: { scope: string[]; expires?: string }) => {
      scope.forEach(checkScope);
      const body = { name, scopes: scope, ...(expires !== undefined && { expiresAt: parseExpiry(expires) }) };
      const created = await context.client.call<Token & { token: string }>("POST", "/api/v2/tokens", {
        body,
      });
      context.note(describe(created));
      context.show(created, ({ token }) => `${token}\n`);
    });
}

function checkScope(scope: string): void {
  const [, role] = /^[^:]+:(.+)$/.exec(scope) ?? [];
  if (roles.some((known) => known === role)) return;
  throw new UsageError(
    `Cannot use "${scope}" as a scope: expected NAMESPACE:ROLE with a role of ${roles.join(", ")}`,
  );
}

const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000, w: 604_800_000 };

export function parseExpiry(text: string, nowMs = Date.now()): string {
  const [, amount, unit = ""] = /^(\d{1,5})([hdw])$/.exec(text) ?? [];
  if (amount !== undefined) return new Date(nowMs + Number(amount) * (unitMs[unit] ?? 0)).toISOString();
  const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time))
    throw new UsageError(`Cannot use "${text}" as an expiry: expected 30d, 12h, 2w or a date`);
  return new Date(time).toISOString();
}

function describe({ name, scopes, expiresAt, id }: Token): string {
  const end = expiresAt === null ? "that does not expire" : `until ${formatTime(expiresAt)}`;
  return `Created the token ${name} (${id}) with ${scopes.join(", ")} ${end}. It is shown this once:`;
}

const columns: readonly Column<Token>[] = [
  { title: "ID", value: ({ id }) => id },
  { title: "NAME", value: ({ name }) => name },
  { title: "SCOPES", value: ({ scopes }) => scopes.join(", "), shrinks: true },
  { title: "CREATED", value: ({ createdAt }) => formatAgo(createdAt) },
  { title: "BY", value: ({ createdBy }) => createdBy },
  { title: "EXPIRES", value: ({ expiresAt }) => (expiresAt === null ? "never" : formatAgo(expiresAt)) },
  { title: "STATE", value: stateOf, style: () => "red" },
];

function renderTokens(tokens: readonly Token[], screen: Screen): string {
  return formatTable(tokens, columns, screen);
}

/** Empty for a token that works. */
function stateOf({ revokedAt, expiresAt }: Token): string {
  if (revokedAt !== null) return "revoked";
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now() ? "expired" : "";
}
