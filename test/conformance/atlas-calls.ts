/** The calls of the Atlas wire that clients make for artifacts. */
export type Call = "verify" | "login" | "artifact" | "create" | "version" | "put" | "search";

/** The call of a request line such as `GET /api/v1/authenticate HTTP/1.1`. */
export function callOf(line: string): Call {
  const [method] = line.split(" ");
  const path = pathOf(line);
  if (method === "PUT") return "put";
  if (path.endsWith("/authenticate")) return method === "POST" ? "login" : "verify";
  if (method === "POST") return path.endsWith("/artifacts") ? "create" : "version";
  return path.endsWith("/search") ? "search" : "artifact";
}

/** `/api/v1/artifacts/acme/web/amazon.image/search`, without the query. */
export function pathOf(line: string): string {
  return line.split(" ")[1]?.split("?")[0] ?? "";
}

export interface Target {
  username: string;
  name: string;
  type: string;
}

/** What a call is about; parts that its path does not name are empty. */
export function targetOf(line: string): Target {
  const [, , , , username = "", name = "", type = ""] = pathOf(line).split("/");
  return { username, name, type };
}

/** Type names that Ingot takes for another one, and gives back as that. */
const aliases = new Map([
  ["aws.ami", "amazon.image"],
  ["amazon.ami", "amazon.image"],
]);

export function canonicalType(type: string): string {
  return aliases.get(type) ?? type;
}
