// The answer in words. What passed, what failed and what could not be checked stand apart: the last is never a pass.
import { type Finding, type Outcome, type Report, type Verdict } from "../verifier/findings.ts";
import { Malformed } from "../verifier/malformed.ts";
import { element, inert } from "./verify-elements.ts";

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

const ASSURANCES = [
  "A0: no more than that the files fit one another",
  "A1: a trusted key signed it; an operator who holds all keys could still have rewritten it unseen",
  "A2: and a third party stamped the time",
  "A3: and it agrees with a head that somebody else remembers",
  "A4: and others than the operator confirm it, each with a key of their own",
];

export function answered(report: Report): HTMLElement[] {
  const [mark, saying] = SAYINGS[report.verdict];
  return [
    element("h2", { tabIndex: -1, id: "verdict" }, [shown(mark), ` ${report.verdict}`]),
    element("p", { className: "lead" }, [saying]),
    figures(report),
    ...group(report, "FAIL", FAIL),
    ...group(report, "SKIP", UNCHECKED),
    ...group(report, "PASS", PASS),
    ...report.conflictingNotes.map((note) => element("pre", {}, [inert(note)])),
    ...keeping(report),
  ];
}

/** Not even a question could be made of what was given. */
export function unanswered(error: unknown): HTMLElement[] {
  const words = error instanceof Malformed ? `${error.where}: ${error.message}` : refusal(error);
  return [
    element("h2", { tabIndex: -1, id: "verdict" }, [shown(UNCHECKED)]),
    element("p", { className: "lead", role: "alert" }, [`Nothing was judged. ${inert(words)}.`]),
  ];
}

function refusal(error: unknown): string {
  const old = error instanceof DOMException && error.name === "NotSupportedError";
  return old ? "This browser cannot check Ed25519 signatures; a current one can" : `The file cannot be read (${error})`;
}

function figures(report: Report): HTMLElement {
  const facts = [
    ["Exit code", String(report.exit)],
    ["Assurance", ASSURANCES[report.assurance]!],
    ["Events", `${report.events} of ${report.eventsClaimed}`],
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

function keeping(report: Report): HTMLElement[] {
  const json = new TextDecoder().decode(report.json());
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
