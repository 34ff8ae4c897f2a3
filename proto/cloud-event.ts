import { create, fromJson, toJson, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { eventSchemas, type EventData, type EventType } from "./events.ts";

/** CloudEvents 1.0, structured JSON; `data` is the proto3 JSON mapping of the type's message. */
export interface CloudEvent {
  readonly specversion: "1.0";
  /** UUID; the same fact announced again has the same id. */
  readonly id: string;
  /** The service that made the fact true: `/registry`. */
  readonly source: string;
  readonly type: EventType;
  /** `acmeinc/web`, `acmeinc/prod`. */
  readonly subject: string;
  /** RFC 3339. */
  readonly time: string;
  readonly datacontenttype: "application/json";
  readonly data: JsonObject;
}

export type EventInit<Type extends EventType> = MessageInitShape<(typeof eventSchemas)[Type]>;

/** The proto3 JSON of an event's data. */
export function encodeData<Type extends EventType>(type: Type, data: EventInit<Type>): JsonObject {
  const schema = eventSchemas[type];
  return toJson(schema, create(schema, data as never) as never) as JsonObject;
}

/** Reads the data of an event; members that a newer release added are passed over. */
export function decodeData<Type extends EventType>(
  type: Type,
  event: Pick<CloudEvent, "type" | "data">,
): EventData[Type] {
  if (event.type !== type) throw new Error(`Cannot read the event as "${type}": it is "${event.type}"`);
  return fromJson(eventSchemas[type], event.data, {
    ignoreUnknownFields: true,
  });
}

export interface StoredEvent {
  id: string;
  type: string;
  subject: string;
  time: Date;
  data: unknown;
}

export function toCloudEvent(source: string, { id, type, subject, time, data }: StoredEvent): CloudEvent {
  if (!(type in eventSchemas)) throw new Error(`Cannot announce "${type}": no such event type`);
  return {
    specversion: "1.0",
    id,
    source,
    type: type as EventType,
    subject,
    time: time.toISOString(),
    datacontenttype: "application/json",
    data: data as JsonObject,
  };
}
