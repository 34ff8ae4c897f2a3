import { expect, test } from "vitest";
import { untilStored } from "./until-stored.ts";

const log = { warn: () => undefined };

function failing(times: number, error: Error) {
  let calls = 0;
  return async () => {
    if (++calls <= times) throw error;
    return calls;
  };
}

test("a database that is away for a while is asked again", async () => {
  const away = Object.assign(new Error("the database system is shutting down"), { code: "57P03" });

  const stored = untilStored(log, failing(3, away), { pauseMs: 1, giveUpAfterMs: 5_000 });

  await expect(stored).resolves.toBe(4);
});

test("a database that stays away is given up", async () => {
  const away = new Error("Connection terminated unexpectedly");

  const stored = untilStored(log, failing(Infinity, away), { pauseMs: 1, giveUpAfterMs: 20 });

  await expect(stored).rejects.toBe(away);
});

test("a mistake of ours is not repeated", async () => {
  const mistake = Object.assign(new Error('column "x" does not exist'), { code: "42703" });

  const stored = untilStored(log, failing(1, mistake), { pauseMs: 1, giveUpAfterMs: 5_000 });

  await expect(stored).rejects.toBe(mistake);
});
