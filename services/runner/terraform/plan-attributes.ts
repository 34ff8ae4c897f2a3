import { isDeepStrictEqual } from "node:util";
import { sensitiveMark, type Masker } from "./mask.ts";
import { isRecord, memberOf, type ChangeJson } from "./plan-json.ts";

export type AttributeChange = {
  /** `tags.Name`, `ingress[0].port`, `labels["a.b"]` */
  path: string;
  /** `null` where there is no value; `(sensitive value)` in the place of a secret. */
  before: unknown;
  after: unknown;
  /** Known only after the apply. */
  unknown: boolean;
  sensitive: boolean;
  forcesReplacement: boolean;
};

type Steps = readonly (string | number)[];

type Node = {
  steps: Steps;
  before: unknown;
  after: unknown;
  unknown: unknown;
  beforeSensitive: unknown;
  afterSensitive: unknown;
};

/** The changed leaves, safe to show: masked where Terraform marks a secret, and by value where it does not. */
export function attributeChanges(change: ChangeJson, masker: Masker, root: Steps = []): AttributeChange[] {
  const replacePaths = change.replace_paths ?? [];
  return leavesOf(rootNode(change, root))
    .filter(isChanged)
    .map((leaf) => redact(leaf, replacePaths, masker));
}

export function formatPath(steps: Steps): string {
  return steps.reduce<string>((path, step) => {
    if (typeof step === "number") return `${path}[${step}]`;
    if (!/^[A-Za-z_][\w-]*$/.test(step)) return `${path}[${JSON.stringify(step)}]`;
    return path === "" ? step : `${path}.${step}`;
  }, "");
}

function rootNode(change: ChangeJson, steps: Steps): Node {
  return {
    steps,
    before: change.before,
    after: change.after,
    unknown: change.after_unknown,
    beforeSensitive: change.before_sensitive,
    afterSensitive: change.after_sensitive,
  };
}

function leavesOf(node: Node): Node[] {
  const { unknown, beforeSensitive, afterSensitive } = node;
  if ([unknown, beforeSensitive, afterSensitive].includes(true)) return [node];
  const keys = childKeys(node);
  return keys.length === 0 ? [node] : keys.flatMap((key) => leavesOf(child(node, key)));
}

/** None where there is nothing to descend into, or two things that cannot be compared member by member. */
function childKeys({ before, after, unknown }: Node): (string | number)[] {
  const values = [before, after].filter((value) => value !== null && value !== undefined);
  if (values.length === 0) return [];
  if (values.every(Array.isArray)) return [...Array(Math.max(...values.map((list) => list.length))).keys()];
  if (!values.every(isRecord)) return [];
  const objects = isRecord(unknown) ? [...values, unknown] : values;
  return [...new Set(objects.flatMap(Object.keys))].sort();
}

function child(node: Node, key: string | number): Node {
  return {
    steps: [...node.steps, key],
    before: memberOf(node.before, key),
    after: memberOf(node.after, key),
    unknown: memberOf(node.unknown, key),
    beforeSensitive: memberOf(node.beforeSensitive, key),
    afterSensitive: memberOf(node.afterSensitive, key),
  };
}

function isSensitive({ beforeSensitive, afterSensitive }: Node): boolean {
  return holdsTrue(beforeSensitive) || holdsTrue(afterSensitive);
}

function isUnknown({ unknown }: Node): boolean {
  return holdsTrue(unknown);
}

function holdsTrue(mask: unknown): boolean {
  if (typeof mask !== "object" || mask === null) return mask === true;
  return Object.values(mask).some(holdsTrue);
}

function isChanged(leaf: Node): boolean {
  if (isUnknown(leaf) || !isDeepStrictEqual(leaf.before ?? null, leaf.after ?? null)) return true;
  const hasValue = (leaf.before ?? null) !== null;
  return hasValue && holdsTrue(leaf.beforeSensitive) !== holdsTrue(leaf.afterSensitive);
}

function redact(leaf: Node, replacePaths: readonly Steps[], masker: Masker): AttributeChange {
  const show = (value: unknown): unknown => {
    if (value === null || value === undefined) return null;
    return isSensitive(leaf) ? sensitiveMark : masker.maskValue(value);
  };
  return {
    path: masker.mask(formatPath(leaf.steps)),
    before: show(leaf.before),
    after: show(leaf.after),
    unknown: isUnknown(leaf),
    sensitive: isSensitive(leaf),
    forcesReplacement: replacePaths.some((path) => isOnSameBranch(path, leaf.steps)),
  };
}

/** A path that forces a replacement can end above the leaf, or below it where the leaf is taken as a whole. */
function isOnSameBranch(a: Steps, b: Steps): boolean {
  const length = Math.min(a.length, b.length);
  return isDeepStrictEqual(a.slice(0, length), b.slice(0, length));
}
