import type { HttpApp } from "#core/http/app.ts";

export interface Route {
  method: string;
  /** `/api/v2/runs/:id` */
  url: string;
}

/** Every route of the application, those that the OpenAPI document hides too. */
export function listRoutes(app: Pick<HttpApp, "printRoutes">): Route[] {
  const ancestors: string[] = [];
  const lines = app.printRoutes({ commonPrefix: false }).split("\n");
  return lines.filter((line) => line.trim() !== "").flatMap((line) => readLine(line, ancestors));
}

/** `│   ├── /:id (GET, HEAD)`: a branch adds to the path of the branch it hangs on, four columns to its left. */
function readLine(line: string, ancestors: string[]): Route[] {
  const match = /^(?<indent>(?:[│ ] {3})*)[├└]── (?<path>\S+)(?: \((?<methods>[A-Z, ]+)\))?$/.exec(line);
  if (!match?.groups) throw new Error(`Cannot read the list of routes: "${line}" has another form`);
  const { indent = "", path = "", methods } = match.groups;
  const depth = indent.length / 4;
  const url = `${ancestors[depth - 1] ?? ""}${path}`;
  ancestors[depth] = url;
  return (methods?.split(", ") ?? []).map((method) => ({ method, url }));
}
