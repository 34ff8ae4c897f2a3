import type { Jobs } from "#core/jobs.ts";
import { applyRun } from "./apply.ts";
import type { PhaseDeps } from "./phase.ts";
import { planRun } from "./plan.ts";
import { phaseQueue, type PhaseJob } from "./queue.ts";

// Longer than any phase may take; a worker that dies is noticed by its missing heartbeat.
const expireInSeconds = 86_000;
const retryUntilDone = 1_000_000;

/** Makes the queue of phases; before anything can send one. */
export async function createPhaseQueue({ boss }: Jobs): Promise<void> {
  await boss.createQueue(phaseQueue, {
    policy: "standard",
    notify: true,
    heartbeatSeconds: 10,
    expireInSeconds,
    retryLimit: retryUntilDone,
    retryDelay: 1,
    retryBackoff: true,
    retryDelayMax: 30,
    retentionSeconds: 315_360_000,
    deleteAfterSeconds: 86_400,
  });
}

/** Works on phases, `concurrency` at once. Disposal waits for those that are under way. */
export async function startPhases(
  deps: PhaseDeps,
  { jobs, concurrency }: { jobs: Jobs; concurrency: number },
): Promise<AsyncDisposable> {
  const underWay = new Map<string, Promise<void>>();
  const options = {
    localConcurrency: concurrency,
    pollingIntervalSeconds: 1,
    notifyPollingIntervalSeconds: 2,
  } as const;
  await jobs.boss.work(phaseQueue, options, async (batch: { data: PhaseJob }[]) => {
    for (const { data } of batch) await once(underWay, deps, data);
  });
  return {
    async [Symbol.asyncDispose]() {
      await jobs.boss.offWork(phaseQueue, { wait: true });
    },
  };
}

/** A job can come again while this process still works on it, after a pause of the process: then it waits for that. */
async function once(
  underWay: Map<string, Promise<void>>,
  deps: PhaseDeps,
  { phase, runId }: PhaseJob,
): Promise<void> {
  const key = `${phase} ${runId}`;
  const running = underWay.get(key) ?? work(deps, { phase, runId }).finally(() => underWay.delete(key));
  underWay.set(key, running);
  await running;
}

async function work(deps: PhaseDeps, { phase, runId }: PhaseJob): Promise<void> {
  await (phase === "apply" ? applyRun(deps, runId) : planRun(deps, runId));
}
