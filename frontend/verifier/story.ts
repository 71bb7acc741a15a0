// Last stages: the events themselves, the run they make, what was opened, and the page that tells it.
import * as anchoring from "./anchoring.ts";
import { equal } from "./bytes.ts";
import { checkChain, placed, RUN_SEALED, runsOf } from "./chains.ts";
import * as disclosures from "./disclosure.ts";
import type { Dossier, Profile } from "./dossier.ts";
import { commitments, type Event, parseEvent } from "./envelope.ts";
import * as layout from "./layout.ts";
import * as note from "./note.ts";
import * as page from "./page.ts";
import * as passkeys from "./passkeys.ts";
import * as rules from "./rules.ts";
import { Tale } from "./tale.ts";

const AHEAD_MS = 5 * 60 * 1000;
const BEHIND_MS = 3600 * 1000;
const ERASED = "erasure.completed";
const APPROVAL_ENDS = ["approval.decided", "approval.consumed", "approval.voided", "approval.withdrawn"];
const TOLERATED: Record<Profile, string[]> = {
  basic: ["TIME", "WITNESS", "KNOWN", "REPORT", "PRUNED", "APPROVERS"],
  audit: ["KNOWN", "REPORT", "APPROVERS"],
  dispute: [],
};

/** Each event is the one that its leaf commits to, of this run and this log, once. */
export function checkEvents(dossier: Dossier): void {
  const before = dossier.failed;
  dossier.events = dossier.parsed(layout.EVENTS, parseEvent);
  const { claims, events, leaves, kept, report } = dossier;
  [report.events, report.eventsClaimed] = [events.length, claims.events];
  if (events.length !== kept.length || events.length !== claims.events) {
    const message = `${events.length} events, ${kept.length} leaves, ${claims.events} claimed`;
    dossier.fail("COUNT", layout.EVENTS, message);
  }
  const [least, most] = leaves.reduce(([low, high], { index }) => [Math.min(low, index), Math.max(high, index)], [
    Infinity, -Infinity,
  ]) as [number, number];
  if (leaves.length && (least !== claims.first_leaf || most !== claims.last_leaf)) {
    dossier.fail("COUNT", layout.STATEMENT, "the leaves are not in the range that the statement names");
  }
  const seen = new Set<string>();
  events.forEach((event, at) => checkEvent(dossier, event, at, seen));
  dossier.conclude("EVENTS", layout.EVENTS, `${events.length} events are those of their leaves`, before);
}

/** The run is whole: it counts from one, each event names its predecessor, and the last one seals it. */
export function checkRun(dossier: Dossier): void {
  const before = dossier.failed;
  checkChain(dossier, placed(dossier.events), true);
  if (dossier.events.at(-1)?.type !== RUN_SEALED) {
    dossier.fail("RUN-OPEN", layout.EVENTS, "the last event does not seal the run: more may have followed");
  }
  dossier.conclude("RUN", layout.EVENTS, "the run is complete and sealed", before);
}

/** The run from its start up to the end of one approval: the question, the votes, what became of it. */
export function checkApproval(dossier: Dossier): void {
  const before = dossier.failed;
  checkChain(dossier, placed(dossier.events), true);
  const wanted = dossier.claims.request;
  const about = dossier.events.filter((event) => event.data.get("request_id") === wanted).map((event) => event.type);
  if (!about.includes("approval.requested")) {
    dossier.fail("APPROVAL-MISSING", layout.EVENTS, "the question that the bundle is about is not here");
  } else if (!APPROVAL_ENDS.some((end) => about.includes(end))) {
    dossier.fail("APPROVAL-OPEN", layout.EVENTS, "nothing tells what became of the question");
  }
  dossier.conclude("APPROVAL", layout.EVENTS, "the run is complete up to the end of the approval", before);
}

/** Claimed times fit the sequenced ones, and none lies in the future; a trusted time says more. */
export function checkTime(dossier: Dossier): void {
  const before = dossier.failed;
  const { events, kept } = dossier;
  for (let at = 0; at < Math.min(events.length, kept.length); at++) {
    const [line, leaf] = kept[at]!;
    const [claimed, sequenced] = [events[at]!.timeMs, leaf.timeMs];
    if (sequenced > dossier.question.atMs + AHEAD_MS) {
      dossier.fail("TIME-FUTURE", `${layout.LEAVES}:${line}`, "the leaf is later than now");
    }
    if (claimed < sequenced - BEHIND_MS || claimed > sequenced + AHEAD_MS) {
      dossier.fail("CLOCK-SKEW", `${layout.EVENTS}:${at + 1}`, "the emitter's clock does not fit the log's");
    }
  }
  dossier.conclude("CLOCKS", layout.LEAVES, "claimed and sequenced times fit", before);
  anchoring.conclude(dossier);
}

/** Opened content is what the event committed to; the rest is counted, never guessed. */
export function checkDisclosures(dossier: Dossier): void {
  const before = dossier.failed;
  dossier.disclosures = dossier.parsed(layout.DISCLOSURES, disclosures.parse);
  const byId = new Map(dossier.events.map((event) => [event.id, event]));
  const places = new Set<string>();
  for (const [at, opened] of dossier.disclosures.entries()) {
    const [event, place] = [byId.get(opened.event), JSON.stringify([opened.event, opened.path])];
    if (!event || places.has(place) || !disclosures.opens(opened, event)) {
      dossier.fail("DISCLOSURE", `${layout.DISCLOSURES}:${at + 1}`, "the content is not what was committed to");
    }
    places.add(place);
  }
  countCommitments(dossier);
  dossier.conclude("DISCLOSURE", layout.DISCLOSURES, `${dossier.disclosures.length} contents opened`, before);
}

/** The readable page says what the events say: it is rendered again and compared. */
export function checkReport(dossier: Dossier): void {
  const { claims, events, leaves } = dossier;
  if (claims.report !== page.RENDERER) {
    dossier.report.skip("REPORT", layout.REPORT, `this verifier does not render ${claims.report}`);
    return;
  }
  const rendered = page.render(claims, events, leaves, dossier.disclosures, dossier.lastNote.text);
  if (equal(rendered, dossier.file(layout.REPORT))) {
    dossier.report.passed("REPORT", layout.REPORT, "the page says what the events say");
  } else {
    dossier.fail("REPORT-DRIFT", layout.REPORT, "the page is not what the events render to");
  }
}

/** Governance rules that the events must satisfy, whoever signed them. */
export function checkRules(dossier: Dossier): void {
  const before = dossier.failed;
  const { claims, report } = dossier;
  const whole = claims.kind === "period" && claims.first_leaf === 0 && !report.pruned;
  for (const { code, line, message } of rules.broken(tales(dossier), dossier.events, whole)) {
    dossier.fail(code, `${layout.EVENTS}:${line}`, message);
  }
  dossier.conclude("RULES", layout.EVENTS, `${rules.COUNT} governance rules hold`, before);
}

/** Votes that say that a passkey signed them. */
export function checkPasskeys(dossier: Dossier): Promise<void> {
  return passkeys.checkPasskeys(dossier, tales(dossier));
}

/** A skipped check is never a pass: stricter profiles count it as missing. */
export function checkProfile(dossier: Dossier): void {
  const { profile } = dossier.question;
  const skipped = dossier.report.findings.filter((finding) => finding.outcome === "SKIP");
  for (const { code, where } of skipped) {
    if (!TOLERATED[profile].includes(code)) {
      dossier.fail("SKIPPED", where, `the profile ${profile} asks for ${code}`);
    }
  }
}

/** What the rules are asked about: the one run, or each run as far as the period shows it. */
function tales({ claims, events }: Dossier): Tale[] {
  if (claims.kind !== "period") return [new Tale(placed(events), true, claims.kind === "run")];
  return runsOf(events).map((run) => new Tale(run, run[0]![1].seq === 1, run.at(-1)![1].type === RUN_SEALED));
}

function checkEvent(dossier: Dossier, event: Event, at: number, seen: Set<string>): void {
  const where = `${layout.EVENTS}:${at + 1}`;
  const leaf = dossier.kept[at]?.[1];
  if (leaf && !equal(leaf.eventHash, event.hash)) {
    dossier.fail("EVENT-EDITED", where, "the leaf commits to another event");
  }
  if (!note.continues(event.origin, dossier.claims.origin)) {
    dossier.fail("CROSS-TENANT", where, `the event is of the log ${event.origin}`);
  }
  const { kind, run } = dossier.claims;
  if (kind !== "period" && event.run !== run) dossier.fail("RUN-ID", where, "the event is of another run");
  if (seen.has(event.id)) dossier.fail("DUP-EVENT", where, `the event ${event.id} stands here twice`);
  seen.add(event.id);
}

function countCommitments(dossier: Dossier): void {
  const { claims, events, report } = dossier;
  const total = events.reduce((sum, event) => sum + commitments(event).length, 0);
  [report.disclosed, report.erased] = [dossier.disclosures.length, claims.erased];
  report.redacted = total - report.disclosed - report.erased;
  if (claims.disclosed !== report.disclosed || claims.redacted !== report.redacted) {
    const message = `of ${total} commitments, ${report.disclosed} are opened: the statement differs`;
    dossier.fail("COUNT", layout.STATEMENT, message);
  }
  if (claims.erased && !events.some((event) => event.type === ERASED)) {
    dossier.fail("ERASED-UNEXPLAINED", layout.STATEMENT, `${claims.erased} contents are gone and no event says why`);
  }
}
