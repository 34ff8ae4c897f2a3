import type { Client } from "./client.ts";
import { NotFoundError, UsageError } from "./errors.ts";
import { environmentPath } from "./names.ts";
import type { Run } from "./replies.ts";

export const runArgument = [
  "<run>",
  "its id, NAMESPACE/NAME#NUMBER, or NAMESPACE/NAME for the newest",
] as const;

/** What people call a run: `acmeinc/prod#4`. */
export function nameRun({ environment, number }: Pick<Run, "environment" | "number">): string {
  return `${environment}#${number}`;
}

/** The run that is meant by its id, by `acmeinc/prod#4`, or by `acmeinc/prod`: its newest. */
export async function findRun(client: Client, text: string): Promise<Run> {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) {
    return client.call<Run>("GET", runPath({ id: text }));
  }
  const [, environment, number] = /^([^#]+?)(?:#(\d{1,9}))?$/.exec(text) ?? [];
  if (environment === undefined) {
    throw new UsageError(
      `Cannot use "${text}" as a run: expected an id, NAMESPACE/NAME#NUMBER or NAMESPACE/NAME`,
    );
  }
  const run = await findNumbered(client, environment, number === undefined ? undefined : Number(number));
  if (run) return run;
  throw new NotFoundError(
    `Cannot find run "${text}": ${number ? "no such run" : "the environment has no run yet"}`,
  );
}

export function runPath({ id }: Pick<Run, "id">): string {
  return `/api/v2/runs/${id}`;
}

/** Numbers are dense, so that the newest one says how far down the list another one is. */
async function findNumbered(
  client: Client,
  environment: string,
  number: number | undefined,
): Promise<Run | undefined> {
  const path = `${environmentPath(environment)}/runs`;
  const newest = await client.list<Run>(path, { limit: 1 });
  const [run] = newest.items;
  if (number === undefined || run?.number === number) return run;
  if (!run || number < 1 || number > run.number) return undefined;
  const { items } = await client.list<Run>(path, { limit: run.number - number + 1 });
  return items.find((each) => each.number === number);
}
