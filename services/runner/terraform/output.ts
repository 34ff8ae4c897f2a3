export type Diagnostic = {
  severity: "error" | "warning";
  summary: string;
  detail: string;
  /** `main.tf:3` */
  location?: string;
  address?: string;
};

export type ChangeSummary = {
  operation: "plan" | "apply" | "destroy";
  add: number;
  change: number;
  remove: number;
  import: number;
};

export type TerraformOutput = {
  /** What a person reads, with no secrets masked yet. */
  lines: string[];
  diagnostic?: Diagnostic;
  changes?: ChangeSummary;
};

type Message = Record<string, unknown>;

/** Understands one line that Terraform prints with `-json`. Anything else is passed on as it is. */
export function readOutput(line: string): TerraformOutput {
  const message = parseMessage(line);
  if (!message) return { lines: [line] };
  switch (message["type"]) {
    case "diagnostic":
      return readDiagnostic(message);
    case "change_summary":
      return { lines: ["", ...textLines(message)], ...readChanges(message["changes"]) };
    case "outputs":
      return { lines: outputLines(message["outputs"]) };
    default:
      return { lines: textLines(message) };
  }
}

function parseMessage(line: string): Message | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) && typeof value["@message"] === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

function textLines(message: Message): string[] {
  return String(message["@message"]).trimEnd().split("\n");
}

function readDiagnostic(message: Message): TerraformOutput {
  const found = message["diagnostic"];
  if (!isRecord(found) || typeof found["summary"] !== "string") return { lines: textLines(message) };
  const diagnostic: Diagnostic = {
    severity: found["severity"] === "warning" ? "warning" : "error",
    summary: found["summary"],
    detail: typeof found["detail"] === "string" ? found["detail"] : "",
    ...locate(found["range"]),
    ...(typeof found["address"] === "string" ? { address: found["address"] } : {}),
  };
  return { lines: diagnosticLines(diagnostic, found["snippet"]), diagnostic };
}

function locate(range: unknown): { location?: string } {
  if (!isRecord(range) || typeof range["filename"] !== "string" || !isRecord(range["start"])) return {};
  return { location: `${range["filename"]}:${String(range["start"]["line"])}` };
}

function diagnosticLines(diagnostic: Diagnostic, snippet: unknown): string[] {
  const title = diagnostic.severity === "error" ? "Error" : "Warning";
  const blocks = [
    [`${title}: ${diagnostic.summary}`],
    placeLines(diagnostic, isRecord(snippet) ? snippet : {}),
    diagnostic.detail === "" ? [] : diagnostic.detail.split("\n"),
  ];
  return blocks.filter((block) => block.length > 0).flatMap((block) => ["", ...block]);
}

function placeLines({ address, location }: Diagnostic, snippet: Message): string[] {
  const context = typeof snippet["context"] === "string" ? `, in ${snippet["context"]}` : "";
  const code = typeof snippet["code"] === "string" ? snippet["code"].split("\n") : [];
  const first = typeof snippet["start_line"] === "number" ? snippet["start_line"] : 1;
  return [
    ...(address ? [`  with ${address}`] : []),
    ...(location ? [`  on ${location}${context}:`] : []),
    ...code.map((text, index) => `  ${String(first + index).padStart(4)}: ${text}`),
  ];
}

function readChanges(changes: unknown): { changes?: ChangeSummary } {
  if (!isRecord(changes)) return {};
  const count = (name: string): number => (typeof changes[name] === "number" ? changes[name] : 0);
  const operation = changes["operation"];
  return {
    changes: {
      operation: operation === "apply" || operation === "destroy" ? operation : "plan",
      add: count("add"),
      change: count("change"),
      remove: count("remove"),
      import: count("import"),
    },
  };
}

/** A plan tells only what happens to an output, an apply also its value. */
function outputLines(outputs: unknown): string[] {
  const entries = isRecord(outputs) ? Object.entries(outputs).filter((entry) => isRecord(entry[1])) : [];
  const lines = entries.flatMap(([name, output]) => outputLine(name, output as Message));
  return lines.length > 0 ? ["", "Outputs:", "", ...lines] : [];
}

function outputLine(name: string, output: Message): string[] {
  if ("action" in output)
    return output["action"] === "noop" ? [] : [`  ${name}: ${String(output["action"])}`];
  if (output["sensitive"] === true) return [`  ${name} = (sensitive value)`];
  return [`  ${name} = ${JSON.stringify(output["value"])}`];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
