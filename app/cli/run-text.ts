import { formatCount, formatTime } from "./format.ts";
import type { Run } from "./replies.ts";

/** Why the run exists: `acmeinc/web:2 (amazon.image) was published by ci at …, event …`. */
export function describeCause({ cause, createdAt }: Run): string {
  const { kind, by, artifact, version, type, at, event } = cause;
  if (kind === "user") return `${by} asked for it at ${formatTime(createdAt)}`;
  const published = at === null ? "" : ` at ${formatTime(at)}`;
  const announced = event === null ? "" : `, event ${event}`;
  return `${artifact}:${version} (${type}) was published by ${by}${published}${announced}`;
}

/** The cause in few words, for a list. */
export function shortenCause({ cause, message }: Run): string {
  if (cause.kind === "version") return `${cause.artifact}:${cause.version} by ${cause.by}`;
  return message === "" ? cause.by : `${cause.by}: ${message}`;
}

/** `web_ami = acmeinc/web:latest: ami-1 (version 1) -> ami-2 (version 2)` */
export function describeInput({ variable, reference, id, version, previous }: Run["inputs"][number]): string {
  const now = `${id} (version ${version})`;
  const same = previous?.id === id && previous.version === version;
  if (!previous || same) return `${variable} = ${reference}: ${now}`;
  return `${variable} = ${reference}: ${previous.id} (version ${previous.version}) -> ${now}`;
}

/** `1 to add, 0 to change, 1 to destroy (1 replacement)` */
export function describeChanges(changes: Run["changes"]): string {
  if (!changes) return "";
  const { add, change, destroy, replace } = changes;
  const replaced = replace === 0 ? "" : ` (${formatCount(replace, "replacement")})`;
  return `${add} to add, ${change} to change, ${destroy} to destroy${replaced}`;
}

/** `+1 ~0 -1` */
export function shortenChanges({ changes }: Run): string {
  return changes ? `+${changes.add} ~${changes.change} -${changes.destroy}` : "";
}
