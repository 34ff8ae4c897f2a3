import { expect, test } from "vitest";
import { readChoice, readHttpUrl, readInteger, readListenAddress, readText } from "./settings.ts";

const choices = ["info", "warn"] as const;
const readers = {
  integer: (value?: string) => readInteger({ PORTS: value }, "PORTS", { min: 1, max: 100, fallback: 2 }),
  choice: (value?: string) => readChoice({ LEVEL: value }, "LEVEL", { choices, fallback: "info" }),
  listen: (value?: string) => readListenAddress({ LISTEN: value }, "LISTEN", "127.0.0.1:7373"),
  url: (value?: string) => readHttpUrl({ PUBLIC_URL: value }, "PUBLIC_URL"),
  text: (value?: string) => readText({ NAME: value }, "NAME"),
};

test.each([
  ["integer", undefined, 2],
  ["integer", "", 2],
  ["integer", " 100 ", 100],
  ["choice", undefined, "info"],
  ["choice", "warn", "warn"],
  ["listen", undefined, { host: "127.0.0.1", port: 7373 }],
  ["listen", "localhost:0", { host: "localhost", port: 0 }],
  ["listen", ":80", { host: "0.0.0.0", port: 80 }],
  ["listen", "[::1]:65535", { host: "::1", port: 65_535 }],
  ["url", undefined, undefined],
  ["url", "https://ingot.example.com/", "https://ingot.example.com"],
  ["url", "http://10.0.0.1:8080/atlas//", "http://10.0.0.1:8080/atlas"],
  ["text", "   ", undefined],
  ["text", " a b ", "a b"],
] as const)("the %s setting %j is read as %j", (reader, value, expected) => {
  expect(readers[reader](value)).toEqual(expected);
});

const wholeNumber = "expected a whole number from 1 to 100";
const hostAndPort = "expected HOST:PORT with a port up to 65535";
const bareUrl = "expected a URL without user, password, query or fragment";
test.each([
  ["integer", "0", `Cannot use PORTS="0": ${wholeNumber}`],
  ["integer", "101", `Cannot use PORTS="101": ${wholeNumber}`],
  ["integer", "2.0", `Cannot use PORTS="2.0": ${wholeNumber}`],
  ["integer", "0x10", `Cannot use PORTS="0x10": ${wholeNumber}`],
  ["integer", "1e1", `Cannot use PORTS="1e1": ${wholeNumber}`],
  ["integer", "two", `Cannot use PORTS="two": ${wholeNumber}`],
  ["choice", "Info", 'Cannot use LEVEL="Info": expected one of info, warn'],
  ["listen", "7373", `Cannot use LISTEN="7373": ${hostAndPort}`],
  ["listen", "host:", `Cannot use LISTEN="host:": ${hostAndPort}`],
  ["listen", "host:65536", `Cannot use LISTEN="host:65536": ${hostAndPort}`],
  ["listen", "::1:80", `Cannot use LISTEN="::1:80": ${hostAndPort}`],
  ["url", "ingot", 'Cannot use PUBLIC_URL="ingot": expected an http:// or https:// URL'],
  ["url", "ftp://ingot", 'Cannot use PUBLIC_URL="ftp://ingot": expected an http:// or https:// URL'],
  ["url", "https://ingot/?a=1", `Cannot use PUBLIC_URL="https://ingot/?a=1": ${bareUrl}`],
  ["url", "https://ingot/#top", `Cannot use PUBLIC_URL="https://ingot/#top": ${bareUrl}`],
  ["url", "https://me:hunter2@ingot", `Cannot use PUBLIC_URL="https://me:[scrubbed]@ingot": ${bareUrl}`],
] as const)("the %s setting %j is refused with its rule", (reader, value, message) => {
  expect(() => readers[reader](value)).toThrow(message);
});
