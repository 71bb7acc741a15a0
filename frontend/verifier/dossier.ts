// The parsed bundle on its way through the checks.
import { type Bytes, unb64 } from "./bytes.ts";
import type { Files } from "./container.ts";
import type { Disclosure } from "./disclosure.ts";
import type { Event, Leaf } from "./envelope.ts";
import { Report } from "./findings.ts";
import { hasExactly, isWhole, type Json, loadsObject, type Members } from "./json.ts";
import type { Keyring } from "./keyring.ts";
import * as layout from "./layout.ts";
import { Malformed } from "./malformed.ts";
import type { SignedNote } from "./note.ts";
import type { Predicate, Statement } from "./statement.ts";
import type { Trust } from "./trust.ts";

export const PROFILES = ["basic", "audit", "dispute"] as const;
export type Profile = (typeof PROFILES)[number];

/** What the auditor asks: the trust they bring, heads they remember, the time it is, how strict to be. */
export interface Question {
  trust: Trust | null;
  known: string[];
  atMs: number;
  profile: Profile;
}

export type Onward = (share: number) => void;

const LINES = [layout.LEAVES, layout.EVENTS, layout.DISCLOSURES];
const TELL_EVERY = 1000;

/** Filled stage by stage; a stage reads only what earlier ones have checked and put here. */
export class Dossier {
  readonly question: Question;
  readonly members: Files;
  readonly report: Report;
  ring!: Keyring;
  statement!: Statement;
  notes: SignedNote[] = [];
  proofs = new Map<number, Bytes[]>();
  consistency = new Map<string, Bytes[]>();
  frontier: Bytes[] = [];
  /** Roots that a period's leaves were seen to grow the tree to, by size. */
  readonly grown = new Map<number, Bytes>();
  leaves: Leaf[] = [];
  /** The hash of each leaf, as trees take it. */
  leafHashes: Bytes[] = [];
  /** Leaves whose events were not pruned, with their lines. */
  kept: [line: number, leaf: Leaf][] = [];
  events: Event[] = [];
  disclosures: Disclosure[] = [];
  /** When the head of a size existed at the latest, and who says so: of those that the trust file names. */
  proven = new Map<number, { timeMs: number; by: string }>();
  /** Who of those cosigned the head of a size. */
  witnesses = new Map<number, Set<string>>();

  private readonly onward: Onward;
  /** Bytes of the files that are read line by line: of all of them, and of those behind us. */
  private readonly toRead: number;
  private haveRead = 0;

  constructor(question: Question, members: Files, report: Report, onward: Onward = () => {}) {
    this.question = question;
    this.members = members;
    this.report = report;
    this.onward = onward;
    this.toRead = LINES.reduce((sum, name) => sum + (members.get(name)?.length ?? 0), 0);
  }

  get claims(): Predicate {
    return this.statement.predicate;
  }

  get lastNote(): SignedNote {
    return this.notes.at(-1)!;
  }

  /** [where it comes from, text] of the heads that the auditor brings. */
  get remembered(): [where: string, text: string][] {
    const listed = this.question.trust?.checkpoints ?? [];
    return [
      ...this.question.known.map((text, at): [string, string] => [`known:${at + 1}`, text]),
      ...listed.map((text, at): [string, string] => [`trust:${at + 1}`, text]),
    ];
  }

  file(name: string): Bytes {
    return this.members.get(name)!;
  }

  fail(code: string, where: string, message: string): void {
    this.report.fail(code, where, message);
  }

  get failed(): number {
    return this.report.failures.length;
  }

  /** PASS when the stage added no failure since `before` failures were counted. */
  conclude(check: string, where: string, message: string, before: number): void {
    if (this.failed === before) this.report.passed(check, where, message);
  }

  /** Parse a file of one JSON document a line; the last line ends too. */
  parsed<T>(name: string, parse: (line: Bytes) => T): T[] {
    const file = this.file(name);
    const documents = linesOf(file, name).map((line, at) => {
      if (at % TELL_EVERY === 0) this.onward((this.haveRead + line.byteOffset - file.byteOffset) / this.toRead);
      return reading(`${name}:${at + 1}`, parse, line);
    });
    this.haveRead += file.length;
    return documents;
  }
}

export function linesOf(content: Bytes, name: string): Bytes[] {
  if (content.length && content.at(-1) !== 10) throw new Malformed("JSON-FORMAT", "the last line is cut short", name);
  const lines: Bytes[] = [];
  for (let start = 0; start < content.length; ) {
    const end = content.indexOf(10, start);
    lines.push(content.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

/** Parse, and say where it was when it is malformed. */
export function reading<T>(where: string, parse: (data: Bytes) => T, data: Bytes): T {
  try {
    return parse(data);
  } catch (error) {
    throw error instanceof Malformed ? error.at(where) : error;
  }
}

/** `{"proofs": [{"index": n, "path": [base64, …]}]}` */
export function parseProofs(data: Bytes): Map<number, Bytes[]> {
  return new Map(itemsOf(data).map((item) => {
    const index = item.get("index");
    if (!hasExactly(item, ["index", "path"]) || !isWhole(index)) {
      throw new Malformed("SCHEMA", "not an inclusion proof");
    }
    return [index, pathOf(item.get("path")!)];
  }));
}

/** `{"proofs": [{"from": m, "to": n, "path": [base64, …]}]}` */
export function parseConsistency(data: Bytes): Map<string, Bytes[]> {
  return new Map(itemsOf(data).map((item) => {
    const [from, to] = [item.get("from"), item.get("to")];
    if (!hasExactly(item, ["from", "to", "path"]) || !isWhole(from) || !isWhole(to)) {
      throw new Malformed("SCHEMA", "not a consistency proof");
    }
    return [`${from} ${to}`, pathOf(item.get("path")!)];
  }));
}

/** `{"peaks": [base64, …]}`: the complete subtrees of the tree before a period, largest first. */
export function parseFrontier(data: Bytes): Bytes[] {
  const members = loadsObject(data);
  if (!hasExactly(members, ["peaks"])) throw new Malformed("SCHEMA", "not a frontier");
  return pathOf(members.get("peaks")!);
}

export function checkpointNames(members: Files): string[] {
  return [...members.keys()].filter((name) => name.startsWith(layout.CHECKPOINTS)).sort();
}

function itemsOf(data: Bytes): Members[] {
  const members = loadsObject(data);
  const items = members.get("proofs");
  if (!hasExactly(members, ["proofs"]) || !Array.isArray(items)) {
    throw new Malformed("SCHEMA", "not a list of proofs");
  }
  return items.map((item) => {
    if (!(item instanceof Map)) throw new Malformed("SCHEMA", "not a proof");
    return item;
  });
}

function pathOf(value: Json): Bytes[] {
  if (!Array.isArray(value) || value.length > 64) {
    throw new Malformed("SCHEMA", "a proof is a short list of hashes");
  }
  return value.map((step) => unb64(step, "SCHEMA", 32));
}
