import { ConflictError, NotFoundError } from "#core/errors.ts";
import type { VisibleBuild } from "../version/version.ts";
import { locationsOf, type Location } from "./location.ts";

export interface Question {
  /** As the caller wrote it: `acmeinc/web:latest`. */
  reference: string;
  type?: string | undefined;
  region?: string | undefined;
}

export interface Answer {
  build: VisibleBuild;
  location: Location;
}

/** What the caller can ask for instead. */
export interface Choice {
  type: string;
  region: string | null;
  id: string;
}

export class NothingResolvesError extends NotFoundError {
  constructor(question: Question, found: readonly Choice[]) {
    const nothing = question.type === undefined ? "no such version" : "no such build";
    super(
      `Cannot resolve ${quote(question)}: ${found.length === 0 ? nothing : `there is ${describe(found)}`}`,
    );
  }
}

export class AmbiguousReferenceError extends ConflictError {
  constructor(question: Question, choices: readonly Choice[]) {
    super(`Cannot resolve ${quote(question)}: ${adviceFor(question, choices)}there is ${describe(choices)}`, {
      details: { choices },
    });
  }
}

/** Chooses nothing: exactly one location of the version's builds has the asked type and region, or it throws. */
export function chooseLocation(question: Question, builds: readonly VisibleBuild[]): Answer {
  const all = builds.flatMap((build) => locationsOf(build).map((location) => ({ build, location })));
  const matching = all.filter(
    ({ build, location }) =>
      (question.type === undefined || build.type === question.type) &&
      (question.region === undefined || location.region === question.region),
  );
  const [only] = matching;
  if (!only) throw new NothingResolvesError(question, all.map(toChoice));
  if (matching.length > 1) throw new AmbiguousReferenceError(question, matching.map(toChoice));
  return only;
}

function adviceFor(question: Question, choices: readonly Choice[]): string {
  if (new Set(choices.map(({ type }) => type)).size > 1) return "give a type, ";
  return question.region === undefined ? "give a region, " : "";
}

function toChoice({ build, location }: Answer): Choice {
  return { type: build.type, ...location };
}

function quote({ reference, type, region }: Question): string {
  const asked = [type && `type "${type}"`, region && `region "${region}"`].filter(Boolean);
  return `"${reference}"${asked.length > 0 ? ` with ${asked.join(" and ")}` : ""}`;
}

function describe(choices: readonly Choice[]): string {
  return choices
    .map(({ type, region, id }) => (region ? `${type} in ${region} (${id})` : `${type} (${id})`))
    .join(", ");
}
