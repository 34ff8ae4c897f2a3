import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeEach } from "vitest";
import { until } from "./environment.ts";
import { givenTerraform } from "./given-terraform.ts";
import { startTestSystem, type TestSystem } from "./system.ts";
import { hasTerraform } from "./terraform.ts";

const isThere = await hasTerraform();

/**
 * The system that the tests of a file share, each with environments and artifacts of its own; its Terraform obeys what
 * `givenTerraform` describes. Without Terraform the tests are skipped.
 */
export async function startStorySystem(settings: Record<string, string> = {}): Promise<TestSystem> {
  const resources = new AsyncDisposableStack();
  afterAll(() => resources.disposeAsync());
  beforeEach(({ skip }) => skip(!isThere, "no terraform on the PATH"));
  const terraform = isThere ? resources.use(await givenTerraform()) : undefined;
  return resources.use(
    await startTestSystem({
      settings: {
        ...(terraform && { INGOT_TERRAFORM: terraform.path }),
        INGOT_RUN_CONCURRENCY: "5",
        ...settings,
      },
    }),
  );
}

/** A directory for files that a run writes, and gates that it waits at. */
export interface Meeting extends AsyncDisposable {
  file(name: string): string;
  /** Shell commands that tell where the run is, then wait until the gate is opened. */
  gate(name: string): string;
  /** Waits until somebody is at the gate. */
  reached(name: string): Promise<void>;
  open(name: string): Promise<void>;
}

export async function givenMeeting(): Promise<Meeting> {
  const directory = await mkdtemp(path.join(tmpdir(), "ingot-story-"));
  const file = (name: string) => path.join(directory, name);
  return {
    file,
    gate: (name) => `touch ${file(`${name}.at`)}; until [ -e ${file(`${name}.open`)} ]; do sleep 0.05; done`,
    async reached(name) {
      const look = () =>
        access(file(`${name}.at`)).then(
          () => true,
          () => false,
        );
      await until(`the run is at the gate "${name}"`, look);
    },
    open: (name) => writeFile(file(`${name}.open`), ""),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}
