// What was pruned: events whose time is over are removed, their leaves stay, and signed lists say which they are. What
// the events said is not disclosed, and never counted as checked.
import { checkSigned } from "./authority.ts";
import type { Bytes } from "./bytes.ts";
import { type Dossier, linesOf, reading } from "./dossier.ts";
import * as dsse from "./dsse.ts";
import { hasExactly, isWhole, type Json, loadsObject } from "./json.ts";
import * as layout from "./layout.ts";
import { Malformed } from "./malformed.ts";
import * as note from "./note.ts";

const PAYLOAD_TYPE = "application/vnd.interlock.pruned.v1+json";
const SHORTEST_DAYS = 183;
const DAY_MS = 24 * 3600 * 1000;
const AHEAD_MS = 5 * 60 * 1000;

type Span = [first: number, end: number];

/** At `at` (ms) the events of the leaves in `spans` (from, to; in order, apart) were older than `auditDays`. */
interface Pruned {
  origin: string;
  spans: Span[];
  auditDays: number;
  at: number;
}

/** A span with the number (from 0) of the list that it stands in. */
type Placed = [first: number, end: number, list: number];

/** Leaves whose events were pruned are signed for, of this log, and were due; the others have their events. */
export async function checkPruned(dossier: Dossier): Promise<void> {
  const lists: Pruned[] = [];
  const file = dossier.members.get(layout.PRUNED);
  if (file) {
    const lines = linesOf(file, layout.PRUNED);
    const envelopes = lines.map((line, at) => reading(where(at), (data) => dsse.parse(data, PAYLOAD_TYPE), line));
    lists.push(...envelopes.map(({ payload }, at) => reading(where(at), parse, payload)));
    for (const [at, sealed] of envelopes.entries()) {
      const list = lists[at]!;
      await checkSigned(dossier, sealed, where(at), "the list", list.at);
      if (list.at > dossier.question.atMs + AHEAD_MS) {
        dossier.fail("TIME-FUTURE", where(at), "the list is later than now");
      }
      if (!note.continues(list.origin, dossier.claims.origin)) {
        dossier.fail("ORIGIN", where(at), `the list is of the log ${list.origin}`);
      }
    }
  }
  sift(dossier, lists);
}

function sift(dossier: Dossier, lists: Pruned[]): void {
  const spans = placed(lists);
  dossier.kept = [];
  for (const [at, leaf] of dossier.leaves.entries()) {
    const number = listOf(spans, leaf.index);
    if (number === undefined) dossier.kept.push([at + 1, leaf]);
    else if (!due(lists[number]!, leaf.timeMs)) {
      dossier.fail("PRUNED-EARLY", where(number), `the event of leaf ${leaf.index} was pruned before its time`);
    }
  }
  const { report, claims } = dossier;
  report.pruned = dossier.leaves.length - dossier.kept.length;
  if (report.pruned !== claims.pruned) {
    dossier.fail("COUNT", layout.STATEMENT, `${report.pruned} events were pruned, ${claims.pruned} are claimed`);
  }
  if (report.pruned) {
    report.skip("PRUNED", layout.PRUNED, `${report.pruned} events were pruned: what they said is not disclosed`);
  }
}

function due({ auditDays, at }: Pruned, timeMs: number): boolean {
  return auditDays >= SHORTEST_DAYS && BigInt(timeMs) + BigInt(auditDays) * BigInt(DAY_MS) <= BigInt(at);
}

function placed(lists: Pruned[]): Placed[] {
  const spans = lists.flatMap(({ spans }, list) => spans.map(([first, end]): Placed => [first, end, list]));
  spans.sort((one, other) => one[0] - other[0]);
  if (spans.some(([first], at) => at > 0 && first < spans[at - 1]![1])) {
    throw new Malformed("SCHEMA", "a leaf is pruned twice", layout.PRUNED);
  }
  return spans;
}

function listOf(spans: Placed[], index: number): number | undefined {
  let [low, high] = [0, spans.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle]![0] <= index) low = middle + 1;
    else high = middle;
  }
  const found = spans[low - 1];
  return found && index < found[1] ? found[2] : undefined;
}

function parse(payload: Bytes): Pruned {
  const members = loadsObject(payload);
  if (!hasExactly(members, ["v", "origin", "spans", "audit_days", "at"])) {
    throw malformed("not a list of what was pruned");
  }
  if (members.get("v") !== 1) {
    throw new Malformed("VERSION", "this list of what was pruned is of an unknown version");
  }
  const [origin, items] = [members.get("origin"), members.get("spans")];
  if (typeof origin !== "string" || !Array.isArray(items) || !items.length) {
    throw malformed("a list of what was pruned names a log and spans of it");
  }
  const spans = items.map(spanOf);
  if (spans.some(([first], at) => at > 0 && first <= spans[at - 1]![1])) {
    throw malformed("the spans of a list are in order and apart");
  }
  return { origin, spans, auditDays: count(members.get("audit_days")!), at: count(members.get("at")!) };
}

function spanOf(item: Json): Span {
  if (!Array.isArray(item) || item.length !== 2) throw malformed("a span is two numbers, from and to");
  const [first, end] = [count(item[0]!), count(item[1]!)];
  if (first >= end) throw malformed("a span is two numbers, from and to");
  return [first, end];
}

function count(value: Json): number {
  if (!isWhole(value) || value < 0) throw malformed("a whole number expected");
  return value;
}

const where = (number: number): string => `${layout.PRUNED}:${number + 1}`;
const malformed = (message: string) => new Malformed("SCHEMA", message);
