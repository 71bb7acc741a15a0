// What the verifier says: a closed table of codes, and the one verdict that follows from them.
import type { Bytes } from "./bytes.ts";
import { dumps, type Json } from "./json.ts";

/** The value is the exit code of `interlock-verify`. */
export const EXITS = {
  VERIFIED: 0,
  TAMPERED: 1,
  USAGE: 2,
  UNTRUSTED: 3,
  INCOMPLETE: 4,
  MALFORMED: 5,
  EQUIVOCATION: 6,
  RULE_VIOLATION: 7,
  REPLAY_MISMATCH: 8,
} as const;
export type Verdict = keyof typeof EXITS;
export type Outcome = "PASS" | "FAIL" | "SKIP";

const PRECEDENCE: Verdict[] = [
  "USAGE", "MALFORMED", "EQUIVOCATION", "TAMPERED", "UNTRUSTED", "INCOMPLETE", "RULE_VIOLATION", "REPLAY_MISMATCH",
];

const TABLE: Partial<Record<Verdict, string>> = {
  MALFORMED:
    "ZIP-FORMAT ZIP-NAME ZIP-DUP LIMIT JSON-FORMAT JSON-DUP JSON-FLOAT JSON-CANON SCHEMA VERSION NOTE-FORMAT " +
    "NOTE-EXT DSSE-FORMAT",
  EQUIVOCATION: "EQUIVOCATION",
  TAMPERED:
    "FILE-DIGEST FILE-ADDED FILE-REMOVED BAG-DIGEST DSSE-SIG NOTE-SIG ORIGIN CROSS-TENANT RUN-ID EVENT-EDITED " +
    "DUP-EVENT ORDER INCLUSION CHAIN RUN-CHAIN RUN-ROOT COUNT CONSISTENCY CP-ORDER TIME-BACKWARDS DISCLOSURE " +
    "REPORT-DRIFT ANCHOR-BAD APPROVAL-SIG",
  UNTRUSTED:
    "TRUST-NONE ROOT-KEY DSSE-KEY NOTE-KEY KEYRING-OLD KEY-REVOKED KEY-PERIOD KEY-SCOPE TIME-FUTURE " +
    "WITNESS-QUORUM APPROVER-KEY",
  INCOMPLETE:
    "MISSING-FILE RUN-GAP RUN-COUNT RUN-OPEN POPULATION-GAP APPROVAL-MISSING APPROVAL-OPEN STALE MISSING-PROOF " +
    "ERASED-UNEXPLAINED PRUNED-EARLY CLOCK-SKEW DANGLING-INTENT SKIPPED",
  RULE_VIOLATION:
    "RULE-SOD RULE-TOCTOU RULE-EFFECT RULE-DENIED RULE-POLICY RULE-BUNDLE RULE-QUORUM RULE-VOTE RULE-SHOWN " +
    "RULE-HUMAN RULE-ONCE RULE-REFUSED RULE-INTENT RULE-PROPOSED RULE-PIN RULE-COST " +
    "RULE-STEPUP RULE-ROLES RULE-RIGHT",
};

/** Every code with the verdict that it leads to. */
export const CODES: ReadonlyMap<string, Verdict> = new Map(
  Object.entries(TABLE).flatMap(([verdict, codes]) => codes.split(" ").map((code) => [code, verdict as Verdict])),
);

/** One line of the report; `where` is `file` or `file:line`. */
export interface Finding {
  code: string;
  outcome: Outcome;
  where: string;
  message: string;
}

/** Findings in the order of the checks, and the figures of the verdict line. */
export class Report {
  readonly findings: Finding[] = [];
  assurance = 0;
  events = 0;
  eventsClaimed = 0;
  disclosed = 0;
  redacted = 0;
  erased = 0;
  pruned = 0;
  kind = "";
  origin = "";
  note = "";
  readonly conflictingNotes: string[] = [];

  fail(code: string, where: string, message: string): void {
    if (!CODES.has(code)) throw new Error(`${code} is not a finding code`);
    this.findings.push({ code, outcome: "FAIL", where, message });
  }

  passed(code: string, where: string, message: string): void {
    this.findings.push({ code, outcome: "PASS", where, message });
  }

  skip(code: string, where: string, message: string): void {
    this.findings.push({ code, outcome: "SKIP", where, message });
  }

  get failures(): string[] {
    return this.findings.filter((finding) => finding.outcome === "FAIL").map((finding) => finding.code);
  }

  /** The worst verdict among the failures, by precedence; VERIFIED only when nothing failed. */
  get verdict(): Verdict {
    const present = new Set(this.failures.map((code) => CODES.get(code)));
    return PRECEDENCE.find((verdict) => present.has(verdict)) ?? "VERIFIED";
  }

  get exit(): number {
    return EXITS[this.verdict];
  }

  /** The report as canonical JSON (RFC 8785). */
  json(): Bytes {
    const findings = this.findings.map((finding): Json => new Map(Object.entries(finding)));
    const members: Record<string, Json> = {
      v: 1,
      verdict: this.verdict,
      exit: this.exit,
      assurance: `A${this.assurance}`,
      kind: this.kind,
      origin: this.origin,
      events: this.events,
      events_claimed: this.eventsClaimed,
      disclosed: this.disclosed,
      redacted: this.redacted,
      erased: this.erased,
      pruned: this.pruned,
      note: this.note,
      conflicting_notes: this.conflictingNotes,
      findings,
    };
    return dumps(new Map(Object.entries(members)));
  }
}
