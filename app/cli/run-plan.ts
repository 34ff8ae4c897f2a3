import { formatCount } from "./format.ts";
import type { AttributeChange, PlanDiff, PlanSummary, ResourceDiff } from "./replies.ts";
import { oneLine, type Screen, type Style } from "./table.ts";

type Action = ResourceDiff["action"];

const marks: Record<Action, readonly [mark: string, style: Style | undefined]> = {
  create: ["+", "green"],
  update: ["~", "yellow"],
  delete: ["-", "red"],
  replace: ["-/+", "red"],
  read: ["<=", "cyan"],
  forget: [".", "dim"],
  "no-op": [" ", undefined],
};
const longestValue = 160;

/** Each changed attribute in a line, under its resource's mark as Terraform writes it. */
export function renderPlan(plan: PlanDiff, screen: Screen): string {
  const sections = [
    plan.resources.map((resource) => renderResource(resource, screen)).join(""),
    titled(
      "Outputs",
      plan.outputs.map((output) => renderBlock({ ...output, head: output.name }, screen)).join(""),
    ),
    titled(
      "Changed outside Terraform",
      plan.drift.map((resource) => renderResource(resource, screen)).join(""),
    ),
    `${plan.isEmpty ? "Nothing to change." : `Plan: ${describeSummary(plan.summary)}.`}\n`,
  ];
  return sections.filter((section) => section !== "").join("\n");
}

function titled(title: string, text: string): string {
  return text === "" ? "" : `${title}:\n${text}`;
}

interface Block {
  head: string;
  action: Action;
  actions?: readonly string[];
  attributes: readonly AttributeChange[];
}

function renderResource(resource: ResourceDiff, screen: Screen): string {
  const { address, previousAddress, importId, deposed } = resource;
  const notes = [
    previousAddress === undefined ? "" : `moved from ${previousAddress}`,
    importId === undefined ? "" : `imported from ${importId}`,
    deposed === undefined ? "" : `left over object ${deposed}`,
  ].filter(Boolean);
  const head = notes.length === 0 ? address : `${address} (${notes.join(", ")})`;
  return renderBlock({ ...resource, head }, screen);
}

function renderBlock({ head, action, actions, attributes }: Block, screen: Screen): string {
  const [mark, style] = marks[action];
  const sign = actions?.[0] === "create" && action === "replace" ? "+/-" : mark;
  const first = `${sign.padStart(3)} ${oneLine(head)}`;
  const lines = renderAttributes(
    attributes.filter(({ path }) => path !== head),
    action,
  );
  const single = attributes.find(({ path }) => path === head);
  const own = single ? `  ${describeChange(single, action)}` : "";
  const indent = " ".repeat(first.length);
  const texts =
    lines.length === 0 ? [`${first}${own}`] : lines.map((line, at) => `${at ? indent : first}  ${line}`);
  const [top = "", ...below] = texts;
  const painted = `${screen.paint(style, top.slice(0, first.length))}${top.slice(first.length)}`;
  return [painted, ...below].map((line) => `${line}\n`).join("");
}

function renderAttributes(attributes: readonly AttributeChange[], action: Action): string[] {
  const width = Math.max(0, ...attributes.map(({ path }) => path.length));
  return attributes.map((attribute) => {
    const forces = attribute.forcesReplacement && action === "replace" ? "  forces replacement" : "";
    return `${oneLine(attribute.path).padEnd(width)}  ${describeChange(attribute, action)}${forces}`;
  });
}

/** What is created has only an after, what is deleted only a before. */
function describeChange(change: AttributeChange, action: Action): string {
  const after = change.unknown ? "(known after apply)" : formatValue(change.after, change);
  if (action === "create" || action === "read") return after;
  const before = formatValue(change.before, change);
  return action === "delete" ? before : `${before} -> ${after}`;
}

function formatValue(value: unknown, { sensitive }: AttributeChange): string {
  if (sensitive && typeof value === "string") return value;
  const text = oneLine(JSON.stringify(value));
  return text.length > longestValue ? `${text.slice(0, longestValue)}…` : text;
}

function describeSummary({ add, change, destroy, replace, ...others }: PlanSummary): string {
  const replaced = replace === 0 ? "" : ` (${formatCount(replace, "replacement")})`;
  const more = [
    others.import > 0 ? `${others.import} to import` : "",
    others.move > 0 ? `${others.move} to move` : "",
    others.forget > 0 ? `${others.forget} to forget` : "",
    others.outputs > 0 ? formatCount(others.outputs, "output") : "",
  ].filter(Boolean);
  return [`${add} to add, ${change} to change, ${destroy} to destroy${replaced}`, ...more].join(", ");
}
