// The in-toto Statement v1 of a bundle: it names every file with its digest, and the counts.
import { type Bytes, hex, unhex } from "./bytes.ts";
import type { Files } from "./container.ts";
import { hasExactly, isWhole, type Json, loadsObject, type Members } from "./json.ts";
import { Malformed } from "./malformed.ts";
import { sha256 } from "./sha256.ts";

export const PAYLOAD_TYPE = "application/vnd.in-toto+json";
const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE = "https://interlock.dev/evidence-bundle/v1";
const TEXTS = ["kind", "origin", "run", "root", "report", "exporter"] as const;
const NUMBERS = [
  "events", "first_leaf", "last_leaf", "size", "disclosed", "redacted", "erased", "generated_at",
] as const;

/** What the bundle claims to be. `size` and `root` (hex) are those of its last checkpoint. */
export type Predicate = Record<(typeof TEXTS)[number], string> & Record<(typeof NUMBERS)[number], number>;

/** `subjects` maps file names to SHA-256 digests (hex). */
export interface Statement {
  subjects: Map<string, string>;
  predicate: Predicate;
}

export function digests(members: Files): Map<string, string> {
  return new Map([...members].map(([name, content]) => [name, hex(sha256(content))]));
}

/** Read the payload of the bundle envelope; throws Malformed. */
export function parse(payload: Bytes): Statement {
  const members = loadsObject(payload);
  if (!hasExactly(members, ["_type", "subject", "predicateType", "predicate"])) {
    throw new Malformed("SCHEMA", "not an in-toto statement");
  }
  if (members.get("_type") !== STATEMENT_TYPE || members.get("predicateType") !== PREDICATE_TYPE) {
    throw new Malformed("VERSION", "the statement is of an unknown type");
  }
  return { subjects: subjectsOf(members.get("subject")!), predicate: predicateOf(members.get("predicate")!) };
}

function subjectsOf(items: Json): Map<string, string> {
  if (!Array.isArray(items)) throw new Malformed("SCHEMA", "the statement names no files");
  const subjects = new Map(items.map(subjectOf));
  if (subjects.size !== items.length) throw new Malformed("SCHEMA", "the statement names a file twice");
  return subjects;
}

function subjectOf(item: Json): [string, string] {
  const name = item instanceof Map ? item.get("name") : undefined;
  if (!(item instanceof Map) || !hasExactly(item, ["name", "digest"]) || typeof name !== "string") {
    throw new Malformed("SCHEMA", "not a subject");
  }
  const digest = item.get("digest");
  if (!(digest instanceof Map) || !hasExactly(digest, ["sha256"])) {
    throw new Malformed("SCHEMA", "not a SHA-256 digest");
  }
  return [name, hex(unhex(digest.get("sha256")))];
}

function predicateOf(members: Json): Predicate {
  if (!(members instanceof Map) || !hasExactly(members, [...TEXTS, ...NUMBERS])) {
    throw new Malformed("SCHEMA", "the predicate misses members or has unknown ones");
  }
  if (!TEXTS.every((name) => typeof members.get(name) === "string")) {
    throw new Malformed("SCHEMA", "a text member of the predicate is not text");
  }
  if (!NUMBERS.every((name) => isCount(members, name))) {
    throw new Malformed("SCHEMA", "a count of the predicate is not a count");
  }
  if (members.get("kind") !== "run") throw new Malformed("VERSION", "this verifier knows bundles of kind run");
  return Object.fromEntries(members) as Predicate;
}

function isCount(members: Members, name: string): boolean {
  const value = members.get(name);
  return isWhole(value) && value >= 0;
}
