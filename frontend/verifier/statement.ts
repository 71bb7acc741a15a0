// The in-toto Statement v1 of a bundle: it names every file with its digest, and the counts.
import { type Bytes, hex, unhex } from "./bytes.ts";
import type { Files } from "./container.ts";
import { hasExactly, isWhole, type Json, loadsObject, type Members } from "./json.ts";
import { type Kind, KINDS } from "./layout.ts";
import { Malformed } from "./malformed.ts";

export const PAYLOAD_TYPE = "application/vnd.in-toto+json";
const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE = "https://interlock.dev/evidence-bundle/v1";
const TEXTS = ["origin", "root", "report", "exporter"] as const;
const NUMBERS = [
  "events", "first_leaf", "last_leaf", "size", "disclosed", "redacted", "erased", "generated_at",
] as const;

const OF_KIND: Record<Kind, string[]> = { run: ["run"], approval: ["run", "request"], period: [] };

/** What the bundle claims to be. `size` and `root` (hex) are those of its last checkpoint. A bundle of a run or of an
 * approval names the `run`, one of an approval also the `request`. One of a period says how many events were `pruned`,
 * where any were. */
export type Predicate = Record<(typeof TEXTS)[number], string> &
  Record<(typeof NUMBERS)[number], number> & { kind: Kind; run: string; request: string; pruned: number };

/** `subjects` maps file names to SHA-256 digests (hex). */
export interface Statement {
  subjects: Map<string, string>;
  predicate: Predicate;
}

/** Whole files are digested by the platform: here a promise costs less than the digest. */
export async function digests(members: Files): Promise<Map<string, string>> {
  const pairs = [...members].map(async ([name, content]): Promise<[string, string]> => {
    const digest = await crypto.subtle.digest("SHA-256", content);
    return [name, hex(new Uint8Array(digest))];
  });
  return new Map(await Promise.all(pairs));
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
  const kind = members instanceof Map ? members.get("kind") : undefined;
  if (!(members instanceof Map) || typeof kind !== "string") {
    throw new Malformed("SCHEMA", "the predicate names no kind");
  }
  if (!isKind(kind)) throw new Malformed("VERSION", "this verifier does not know bundles of this kind");
  const texts = ["kind", ...TEXTS, ...OF_KIND[kind]];
  const numbers = kind === "period" && members.has("pruned") ? [...NUMBERS, "pruned"] : NUMBERS;
  if (!hasExactly(members, [...texts, ...numbers])) {
    throw new Malformed("SCHEMA", "the predicate misses members or has unknown ones");
  }
  if (!texts.every((name) => typeof members.get(name) === "string")) {
    throw new Malformed("SCHEMA", "a text member of the predicate is not text");
  }
  if (!numbers.every((name) => isCount(members, name))) {
    throw new Malformed("SCHEMA", "a count of the predicate is not a count");
  }
  return { run: "", request: "", pruned: 0, ...Object.fromEntries(members) } as Predicate;
}

const isKind = (kind: string): kind is Kind => (KINDS as readonly string[]).includes(kind);

function isCount(members: Members, name: string): boolean {
  const value = members.get(name);
  return isWhole(value) && value >= 0;
}
