// The readable page of a bundle. It derives nothing: it is rendered again from the events and compared.
import { byCodePoint, type Bytes, readable, utf8 } from "./bytes.ts";
import type { Disclosure } from "./disclosure.ts";
import { commitments, type Event, type Leaf } from "./envelope.ts";
import { canonical, shown } from "./json.ts";
import type { Kind } from "./layout.ts";
import type { Predicate } from "./statement.ts";

export const RENDERER = "interlock.report/1";
const LATEST_MS = 253_402_300_799_999; // the last of the year 9999
const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };

const STYLE = `
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;
border-bottom:1px solid #8888}pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0}code{overflow-wrap:anywhere}
`;

const WHOLE: Record<Kind, string> = {
  run: "The run is whole if it is sealed: no event of it is left out.",
  approval: "The run is whole from its start up to the end of the approval: no event in between is left out.",
  period: "The period is whole: it holds every event of the log between its first and its last leaf.",
};
const PRUNED =
  " Of {} of them only the leaf is left: what they said was pruned when its time was over, and is not shown.";
const LIMITS = `
<h2>What this proves</h2>
<ul><li>These events were recorded in this order in the log named above, and none was changed since it was signed.</li>
<li>{whole}</li>
<li>Opened content is what was committed to when the event was recorded.</li></ul>
<h2>What this does not prove</h2>
<ul><li>That what was recorded is true, or that everything that happened was recorded.</li>
<li>The time, beyond the operator's word, as long as no third party stamped it.</li>
<li>History against an operator who holds all keys, unless you compare with a head that you remember.</li></ul>
<h2>Verify it yourself</h2>
<p>The page is a convenience. The proof is in the other files of the bundle:</p>
<pre>interlock-verify BUNDLE.evb --trust trust.json</pre>
`;

type Opened = Map<string, Bytes>;

/** The page as UTF-8 bytes; the same input gives the same bytes everywhere. */
export function render(
  predicate: Predicate, events: Event[], leaves: Leaf[], disclosures: Disclosure[], note: string,
): Bytes {
  const shown = predicate.kind === "period" ? types(events) : listed(events, leaves, disclosures);
  const gone = predicate.pruned ? PRUNED.replace("{}", String(predicate.pruned)) : "";
  const limits = LIMITS.replace("{whole}", WHOLE[predicate.kind] + gone);
  const body = [head(predicate), shown, limits, `<h2>Last checkpoint</h2><pre>${escape(note)}</pre>`];
  const title = escape(`Evidence of ${subject(predicate)}`);
  return utf8(
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${title}</title>` +
      `<style>${STYLE}</style></head><body><h1>${title}</h1>${body.join("")}</body></html>\n`,
  );
}

function head(said: Predicate): string {
  const facts = [
    ["Log", said.origin],
    ...[["Run", said.run], ["Approval", said.request]].filter(([, value]) => value),
    ["Events", `${said.events}, leaves ${said.first_leaf} to ${said.last_leaf}`],
    ["Tree", `size ${said.size}, root ${said.root}`],
    ...(said.pruned ? [["Pruned", `${said.pruned} events`]] : []),
    ["Content", `${said.disclosed} opened, ${said.redacted} withheld, ${said.erased} erased`],
    ["Exported", `${time(said.generated_at)} by ${said.exporter}`],
  ] as [string, string][];
  const rows = facts.map(([name, value]) => `<tr><th scope=row>${name}</th><td><code>${escape(value)}</code></td></tr>`);
  return `<table>${rows.join("")}</table>`;
}

function subject({ kind, run, request, first_leaf, last_leaf }: Predicate): string {
  if (kind === "period") return `the period from leaf ${first_leaf} to leaf ${last_leaf}`;
  return kind === "approval" ? `approval ${request}` : `run ${run}`;
}

/** A period is counted, not listed. */
function types(events: Event[]): string {
  const kinds = Map.groupBy(events, (event) => event.type);
  const rows = [...kinds.keys()].sort(byCodePoint).map(
    (kind) => `<tr><td>${escape(kind)}</td><td>${kinds.get(kind)!.length}</td></tr>`,
  );
  const top = "<thead><tr><th>Event</th><th>Count</th></tr></thead>";
  return `<h2>Population</h2><table>${top}<tbody>${rows.join("")}</tbody></table>`;
}

function listed(events: Event[], leaves: Leaf[], disclosures: Disclosure[]): string {
  const opened: Opened = new Map(disclosures.map(({ event, path, content }) => [placeOf(event, path), content]));
  const shared = Math.min(events.length, leaves.length);
  return table(events.slice(0, shared).map((event, at) => row(event, leaves[at]!, opened)));
}

function table(rows: string[]): string {
  const names = ["No.", "Claimed time (UTC)", "Event", "Actor", "Facts", "Leaf"];
  const top = `<tr>${names.map((name) => `<th>${name}</th>`).join("")}</tr>`;
  return `<h2>Events</h2><table><thead>${top}</thead><tbody>${rows.join("")}</tbody></table>`;
}

function row(event: Event, leaf: Leaf, opened: Opened): string {
  const actor = `${shown(event.actor.get("kind")!)} ${shown(event.actor.get("id")!)}`;
  const cells = [String(event.seq), time(event.timeMs), event.type, actor];
  const plain = cells.map((cell) => `<td>${escape(cell)}</td>`).join("");
  const contents = commitments(event).map(([path]) => content(event, path, opened));
  const facts = `<pre>${escape(canonical(event.data))}</pre>${contents.join("")}`;
  return `<tr>${plain}<td>${facts}</td><td>${leaf.index}</td></tr>`;
}

function content(event: Event, path: string, opened: Opened): string {
  const found = opened.get(placeOf(event.id, path));
  if (found === undefined) return `<p>${escape(path)}: withheld</p>`;
  return `<p>${escape(path)}:</p><pre>${escape(readable(found))}</pre>`;
}

export function time(milliseconds: number): string {
  if (milliseconds > LATEST_MS) return String(milliseconds);
  return new Date(milliseconds).toISOString().replace("T", " ").replace("Z", "");
}

const escape = (text: string): string => text.replace(/[&<>"']/g, (char) => ESCAPES[char]!);
const placeOf = (event: string, path: string): string => JSON.stringify([event, path]);
