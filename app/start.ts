import { once } from "node:events";
import process from "node:process";
import { createLog } from "#core/log.ts";
import type { Environment } from "#core/settings.ts";
import { readConfig } from "./config.ts";
import { serviceNames, startSystem, type ServiceName, type System } from "./system.ts";

/** `ingot start [registry] [trigger] [runner]`: runs until it is told to stop. */
export async function start(names: readonly string[], env: Environment): Promise<void> {
  const services = readServices(names);
  const config = readConfig(env);
  const log = createLog({ level: config.logLevel });
  await using system = await startSystem(config, { log, services });
  greet(system, config.dataDir, services);
  const stopped = Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  try {
    await Promise.race([stopped, system.broken]);
  } catch (error) {
    log.fatal({ err: error }, "stopping");
    throw error;
  }
  log.info("stopping");
}

export class UnknownServiceError extends Error {
  override readonly name = "UnknownServiceError";
  constructor(name: string) {
    super(`Cannot start "${name}": the services are ${serviceNames.join(", ")}`);
  }
}

function readServices(names: readonly string[]): ServiceName[] {
  if (names.length === 0) return [...serviceNames];
  return names.map((name) => {
    const known = serviceNames.find((service) => service === name);
    if (!known) throw new UnknownServiceError(name);
    return known;
  });
}

function greet({ url, firstToken }: System, dataDir: string, services: readonly ServiceName[]): void {
  const lines = [
    `Ingot is ready: ${url}`,
    `  services   ${services.join(", ")}`,
    `  data       ${dataDir}`,
    `  API        ${url}/docs`,
  ];
  if (firstToken) {
    lines.push(
      "",
      `  Your admin token, shown this once and kept in ${dataDir}/admin-token:`,
      `  ${firstToken}`,
      "",
      `  export INGOT_URL=${url} INGOT_TOKEN=${firstToken}`,
    );
  }
  process.stdout.write(`${lines.join("\n")}\n`);
}
