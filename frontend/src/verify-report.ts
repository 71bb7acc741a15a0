// The answer in words. What passed, what failed and what could not be checked stand apart: the last is never a pass.
import type { Finding, Outcome, Verdict } from "../verifier/findings.ts";
import { element, inert } from "./verify-elements.ts";
import type { Refusal } from "./verify-worker.ts";

/** The members of the report, as its JSON has them, that are shown. */
interface Report {
  verdict: Verdict;
  exit: number;
  assurance: string;
  events: number;
  events_claimed: number;
  disclosed: number;
  redacted: number;
  erased: number;
  pruned: number;
  note: string;
  conflicting_notes: string[];
  findings: Finding[];
}

type Mark = { tone: string; shape: string; word: string };

const PASS: Mark = { tone: "ok", shape: "✓", word: "PASS" };
const FAIL: Mark = { tone: "bad", shape: "✕", word: "FAIL" };
const UNCHECKED: Mark = { tone: "wait", shape: "◷", word: "COULD NOT CHECK" };

const SAYINGS: Record<Verdict, [Mark, string]> = {
  VERIFIED: [PASS, "Every check that the profile asks for passed."],
  TAMPERED: [FAIL, "Something in the bundle contradicts what was signed."],
  USAGE: [UNCHECKED, "The files could not be read."],
  UNTRUSTED: [UNCHECKED, "The bundle agrees with itself, but nothing that you trust speaks for it."],
  INCOMPLETE: [UNCHECKED, "Nothing contradicts, but something that must be there is not."],
  MALFORMED: [FAIL, "This is not a bundle of the known form."],
  EQUIVOCATION: [FAIL, "The operator signed two histories. Keep both notes: they are proof of it."],
  RULE_VIOLATION: [FAIL, "The record is genuine, and it shows that a rule was broken."],
  REPLAY_MISMATCH: [FAIL, "The run played again differs from the record."],
};

const ASSURANCES: Record<string, string> = {
  A0: "A0: no more than that the files fit one another",
  A1: "A1: a trusted key signed it; an operator who holds all keys could still have rewritten it unseen",
  A2: "A2: and a third party stamped the time",
  A3: "A3: and it agrees with a head that somebody else remembers",
  A4: "A4: and others than the operator confirm it, each with a key of their own",
};

/** The answer that is told by a report, which is canonical JSON. */
export function answered(said: Uint8Array): HTMLElement[] {
  const json = new TextDecoder().decode(said);
  const report: Report = JSON.parse(json);
  const [mark, saying] = SAYINGS[report.verdict];
  return [
    element("h2", { tabIndex: -1, id: "verdict" }, [shown(mark), ` ${report.verdict}`]),
    element("p", { className: "lead" }, [saying]),
    figures(report),
    ...group(report, "FAIL", FAIL),
    ...group(report, "SKIP", UNCHECKED),
    ...group(report, "PASS", PASS),
    ...report.conflicting_notes.map((note) => element("pre", {}, [inert(note)])),
    ...keeping(report, json),
  ];
}

/** Not even a question could be made of what was given. */
export function unanswered({ where, message, tooOld }: Refusal): HTMLElement[] {
  const blamed = where ? `${where}: ${message}` : `The file cannot be read (${message})`;
  const words = tooOld ? "This browser cannot check Ed25519 signatures; a current one can" : blamed;
  return unjudged(element("p", { className: "lead", role: "alert" }, [`Nothing was judged. ${inert(words)}.`]));
}

/** Whoever asked has ended it: what was seen so far is no answer. */
export function stopped(): HTMLElement[] {
  return unjudged(element("p", { className: "lead" }, ["Nothing was judged. You stopped the check."]));
}

function unjudged(words: HTMLElement): HTMLElement[] {
  return [element("h2", { tabIndex: -1, id: "verdict" }, [shown(UNCHECKED)]), words];
}

function figures(report: Report): HTMLElement {
  const facts = [
    ["Exit code", String(report.exit)],
    ["Assurance", ASSURANCES[report.assurance]!],
    ["Events", `${report.events} of ${report.events_claimed}`],
    ...(report.pruned ? [["Pruned", `${report.pruned} events: what they said is not shown`] as const] : []),
    ["Content", `${report.disclosed} opened, ${report.redacted} withheld, ${report.erased} erased`],
  ] as const;
  const rows = facts.flatMap(([name, value]) => [element("dt", {}, [name]), element("dd", {}, [value])]);
  return element("dl", { className: "facts" }, rows);
}

function group(report: Report, outcome: Outcome, mark: Mark): HTMLElement[] {
  const found = report.findings.filter((finding) => finding.outcome === outcome);
  if (!found.length) return [];
  const rows = found.slice(0, 500).map(row);
  const more = found.length - rows.length;
  const caption = more > 0 ? [element("p", {}, [`… and ${more} more; the report as JSON has all.`])] : [];
  return [
    element("h3", {}, [shown(mark), ` ${found.length}`]),
    element("ul", { className: "queue" }, rows),
    ...caption,
  ];
}

function row({ code, where, message }: Finding): HTMLElement {
  return element("li", {}, [element("code", {}, [code]), ` ${inert(message)} `, element("span", { className: "muted" }, [inert(where)])]);
}

function keeping(report: Report, json: string): HTMLElement[] {
  const saves = [saving("report.json", json, "Save the report")];
  if (report.verdict === "VERIFIED") saves.push(saving("head.note", report.note, "Save this head, to compare next time"));
  return [
    element("p", {}, saves.flatMap((save) => [save, " "])),
    element("details", {}, [element("summary", {}, ["The report as JSON"]), element("pre", { id: "report" }, [json])]),
  ];
}

function saving(download: string, content: string, words: string): HTMLElement {
  const href = URL.createObjectURL(new Blob([content]));
  return element("a", { className: "button", download, href }, [words]);
}

function shown({ tone, shape, word }: Mark): HTMLElement {
  const drawn = element("span", {}, [shape]);
  drawn.setAttribute("aria-hidden", "true");
  return element("span", { className: `status ${tone}` }, [drawn, word]);
}
