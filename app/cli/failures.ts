import { codeOf, DomainError, messageOf } from "#core/errors.ts";
import { formatTable } from "./table.ts";
import { RefusedError, UnreachableError } from "./errors.ts";

interface Choice {
  type: string;
  region: string | null;
  id: string;
}

interface Problem {
  detail?: string;
  choices?: Choice[];
}

/** The server's own words, and what to do where that is known. */
export async function readRefusal(
  response: Response,
  { hasToken }: { hasToken: boolean },
): Promise<RefusedError> {
  const { detail, choices } = await readProblem(response);
  const status = response.status;
  if (choices) return new RefusedError(status, introduce(detail), listChoices(choices));
  const said = detail ?? `The server answered ${status} ${response.statusText}`.trimEnd();
  return new RefusedError(status, said, status === 401 ? [tokenNote(hasToken)] : []);
}

async function readProblem(response: Response): Promise<Problem> {
  try {
    const body = (await response.json()) as Problem & { errors?: string[] };
    return { detail: body.errors?.join("; "), ...body } as Problem;
  } catch {
    return {};
  }
}

/** The list below takes the place of the choices that the sentence ends with. */
function introduce(detail = "Several match"): string {
  return `${detail.replace(/, there is .*$/s, "")}; choose one of`;
}

function listChoices(choices: readonly Choice[]): string[] {
  const table = formatTable(choices, [
    { value: ({ type }) => `  --type ${type}` },
    { value: ({ region }) => (region === null ? "" : `--region ${region}`) },
    { value: ({ id }) => id },
  ]);
  return table.trimEnd().split("\n");
}

function tokenNote(hasToken: boolean): string {
  return hasToken
    ? "the token is unknown, expired or revoked; an admin makes one with: ingot token create NAME --scope NAMESPACE:ROLE"
    : "give a token with --token or INGOT_TOKEN; the first one is in the server's INGOT_DATA_DIR/admin-token, more by: ingot token create";
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the connection broke",
  EPIPE: "the connection broke",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the host name cannot be looked up now",
  ETIMEDOUT: "no answer",
  UND_ERR_CONNECT_TIMEOUT: "no answer",
  UND_ERR_HEADERS_TIMEOUT: "no answer",
  UND_ERR_BODY_TIMEOUT: "no answer",
  UND_ERR_SOCKET: "the connection broke",
};

/** What `fetch` throws says little; its cause does. A source of bytes that failed is no matter of the network. */
export function toUnreachable(url: string, error: unknown): Error {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof DomainError || codeOf(cause) === "ENOENT") return cause as Error;
  const code = codeOf(cause) ?? "";
  const reason = isTimeout(cause) ? "no answer" : (reasons[code] ?? messageOf(cause));
  const notes =
    code === "ECONNREFUSED"
      ? ["start a server with ingot start, or say where it is with --url or INGOT_URL"]
      : [];
  return new UnreachableError(`Cannot reach ${url}: ${reason}`, { notes, cause: error });
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === "TimeoutError";
}
