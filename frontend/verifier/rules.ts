// Governance rules over the events of one run. They hold or are broken whoever signed the events.
import { byCodePoint } from "./bytes.ts";
import type { Event } from "./envelope.ts";
import { type Json, shown } from "./json.ts";

const INTENT = "tool.call.intent";
const OUTCOMES = ["tool.call.completed", "tool.call.failed", "tool.call.unknown", "tool.call.not_sent"];
const INTERESTED = ["requester_id", "run_starter_id", "agent_owner_id"];

/** A rule that the event on `line` (from 1) breaks. */
export interface Broken {
  code: string;
  line: number;
  message: string;
}

type Rule = (events: Event[]) => Broken[];

export const broken: Rule = (events) => RULES.flatMap((rule) => rule(events));

/** What was about to be sent is followed by what became of it. */
const intentsHaveOutcomes: Rule = (events) => {
  const answered = new Set(events.filter((event) => OUTCOMES.includes(event.type)).map(attempt));
  return ofType(events, INTENT)
    .filter(([, event]) => !answered.has(attempt(event)))
    .map(([line, event]) => ({
      code: "DANGLING-INTENT", line, message: `nothing tells what became of call ${text(event, "call_id")}`,
    }));
};

/** Requester, starter of the run and owner of the agent are not among the approvers. */
const nobodyApprovesTheirOwn: Rule = (events) => {
  const asked = ofType(events, "approval.requested").map(([, event]): [string, Set<string>] => [
    text(event, "request_id"),
    new Set(INTERESTED.filter((role) => event.data.has(role)).map((role) => text(event, role))),
  ]);
  const interested = new Map(asked);
  return ofType(events, "approval.consumed").flatMap(([line, event]) => {
    const own = interested.get(text(event, "request_id")) ?? new Set();
    const both = [...texts(event.data.get("approvers"))].filter((approver) => own.has(approver)).sort(byCodePoint);
    return both.length ? [{ code: "RULE-SOD", line, message: `${both.join(", ")} approved what they asked for` }] : [];
  });
};

/** An intent that rests on an approval carries the digest that was approved and consumed. */
const whatWasApprovedIsWhatRuns: Rule = (events) => {
  const consumed = new Map(ofType(events, "approval.consumed").map(([, event]) => [text(event, "request_id"), event]));
  return ofType(events, INTENT)
    .filter(([, event]) => event.data.has("request_id"))
    .filter(([, event]) => {
      const approval = consumed.get(text(event, "request_id"));
      return !approval || text(approval, "action_digest") !== text(event, "action_digest");
    })
    .map(([line]) => ({
      code: "RULE-TOCTOU", line, message: "the action that was sent is not the one that was approved",
    }));
};

const whatWasDeniedDoesNotRun: Rule = (events) => {
  const denied = new Set<string>();
  return events.flatMap((event, at) => {
    const call = text(event, "call_id");
    if (event.type === "tool.call.denied") denied.add(call);
    if (event.type !== INTENT || !denied.has(call)) return [];
    return [{ code: "RULE-DENIED", line: at + 1, message: `the call ${call} had been denied` }];
  });
};

/** Of all attempts under one idempotency key, at most one completed. */
const oneEffectPerKey: Rule = (events) => {
  const keys = new Map(ofType(events, INTENT).map(([, event]) => [attempt(event), text(event, "idempotency_key")]));
  const completed = new Set<string>();
  return ofType(events, "tool.call.completed").flatMap(([line, event]) => {
    const key = keys.get(attempt(event));
    if (!key) return [];
    if (completed.has(key)) return [{ code: "RULE-EFFECT", line, message: `a second effect under the key ${key}` }];
    completed.add(key);
    return [];
  });
};

export const RULES: Rule[] = [
  intentsHaveOutcomes, nobodyApprovesTheirOwn, whatWasApprovedIsWhatRuns, whatWasDeniedDoesNotRun, oneEffectPerKey,
];

function ofType(events: Event[], type: string): [line: number, event: Event][] {
  return events.flatMap((event, at): [number, Event][] => (event.type === type ? [[at + 1, event]] : []));
}

const attempt = (event: Event): string => JSON.stringify([text(event, "call_id"), text(event, "attempt")]);
const text = (event: Event, member: string): string => shown(event.data.get(member) ?? "");
const texts = (value: Json | undefined): Set<string> => new Set(Array.isArray(value) ? value.map(shown) : []);
