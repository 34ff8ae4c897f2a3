import type { Operation } from "../support/openapi.ts";
import type { WireRequest } from "./requests.ts";
import type { WireReply } from "./send.ts";

/** What is wrong with a reply, whatever the request was; nothing for a good one. */
export function complaintsAbout(request: WireRequest, reply: WireReply, operation?: Operation): string[] {
  const { status } = reply;
  if (status >= 500 && !isUnready(request, reply)) return [`status ${status}`];
  if (request.method === "HEAD") return [];
  if (reply.text.includes("Internal error")) return [`a ${status} that hides a 500: ${reply.text}`];
  const [path = ""] = request.path.split("?");
  const answered = operation?.responses && isOurs(reply) && leadsTo(path, operation) ? operation : undefined;
  const undocumented = answered ? undocumentedStatus(answered, status) : [];
  if (status < 400) return undocumented;
  if (path.startsWith("/api/v1/")) return [...undocumented, ...complaintsAboutErrors(reply)];
  if (request.method === "LOCK" && status === 423) return complaintsAboutHolder(reply);
  return [...undocumented, ...complaintsAboutProblem(reply)];
}

function isUnready({ path }: WireRequest, { status }: WireReply): boolean {
  return status === 503 && /^\/readyz\b/.test(path);
}

/** A broken address can be that of another operation. */
function leadsTo(path: string, { url }: Operation): boolean {
  return new RegExp(`^${url.replaceAll(/:\w+/g, "[^/]+")}/?$`).test(path);
}

/** Whether the operation answered, and not the router that found none, or a limit in front of it. */
function isOurs({ status, text }: WireReply): boolean {
  return ![413, 414, 415].includes(status) && !/Nothing answers|is not a valid url component/.test(text);
}

function undocumentedStatus({ operationId, responses = {} }: Partial<Operation>, status: number): string[] {
  return status in responses ? [] : [`${operationId} answers ${status}, which it does not declare`];
}

function complaintsAboutProblem({ status, headers, text }: WireReply): string[] {
  const type = headers["content-type"] ?? "none";
  if (!type.startsWith("application/problem+json")) return [`content type ${type} with ${status}: ${text}`];
  const problem = JSON.parse(text) as Record<string, unknown>;
  const faults = [
    problem["status"] === status || `status ${String(problem["status"])} in the body of a ${status}`,
    isText(problem["title"]) || "no title",
    isText(problem["detail"]) || "no detail",
    problem["requestId"] === headers["x-request-id"] || "requestId is not x-request-id",
  ];
  return faults.filter((fault) => fault !== true);
}

/** Clients of Atlas show the text of 400 and 422, and only from this form. */
function complaintsAboutErrors({ status, text }: WireReply): string[] {
  if (status !== 400 && status !== 422) return [];
  const { errors } = JSON.parse(text) as { errors?: unknown };
  return Array.isArray(errors) && errors.length > 0 && errors.every(isText)
    ? []
    : [`${status} is no {"errors":["…"]}: ${text}`];
}

function complaintsAboutHolder({ text }: WireReply): string[] {
  return isText((JSON.parse(text) as { ID?: unknown }).ID) ? [] : ["423 without the holder's ID"];
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}
