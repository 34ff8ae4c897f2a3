import path from "node:path";
import type { Database } from "#core/database/database.ts";
import { messageMigrations, type MessageTables } from "#core/outbox/outbox.ts";
import type { AnnouncementTable } from "./announcement/store.ts";
import type { RequestTable } from "./request/request.ts";
import type { SubscriptionTable } from "./subscription/store.ts";

export interface TriggerTables extends MessageTables {
  subscription: SubscriptionTable;
  announcement: AnnouncementTable;
  request: RequestTable;
}

export type TriggerDatabase = Database<TriggerTables>;

export const triggerSchema = {
  schema: "trigger",
  directories: [messageMigrations, path.join(import.meta.dirname, "migrations")],
};
