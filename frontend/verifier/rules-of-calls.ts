// Rules about what was decided, sent and paid.
import type { Event } from "./envelope.ts";
import { attempt, type Broken, keyed, number, type Rule, text } from "./tale.ts";

export const INTENT = "tool.call.intent";
const COMPLETED = "tool.call.completed";
const OUTCOMES = [COMPLETED, "tool.call.failed", "tool.call.unknown", "tool.call.not_sent"];
const COSTS = ["metering.usage_settled", "metering.human_time_recorded"];
const PERMITS = ["ALLOW", "ROUTE"];

/** What was about to be sent is followed by what became of it. */
export const intentsHaveOutcomes: Rule = (tale) => {
  const answered = new Set(tale.of(...OUTCOMES).map(([, event]) => attempt(event)));
  return tale.of(INTENT).flatMap(([line, event]) => {
    if (answered.has(attempt(event))) return [];
    const message = `nothing tells what became of call ${text(event, "call_id")}`;
    return [{ code: "DANGLING-INTENT", line, message }];
  });
};

/** Nothing happened that was not announced: evidence before effect. */
const intentsComeFirst: Rule = (tale) => {
  const announced = new Set<string>();
  return tale.of(INTENT, ...OUTCOMES).flatMap(([line, event]) => {
    if (event.type === INTENT) announced.add(attempt(event));
    if (announced.has(attempt(event))) return [];
    return [{ code: "RULE-INTENT", line, message: `the call ${text(event, "call_id")} had not been announced` }];
  });
};

/** The proposal names the same tool and the same idempotency key. */
const whatIsSentWasProposed: Rule = (tale) => {
  const proposed = new Map<string, string>();
  const found: Broken[] = [];
  for (const [line, event] of tale.of("tool.call.proposed", INTENT)) {
    const [call, what] = [text(event, "call_id"), keyed(text(event, "tool"), text(event, "idempotency_key"))];
    if (event.type !== INTENT) proposed.set(call, what);
    else if (proposed.get(call) !== what) {
      found.push({ code: "RULE-PROPOSED", line, message: `the call ${call} is not the one that was proposed` });
    }
  }
  return found;
};

/** Each intent rests on a decision about that very call, by a policy in force, that lets it go. */
const policyAllowedIt: Rule = (tale) => {
  const permits = new Map<string, string>();
  const found: Broken[] = [];
  for (const [line, event] of tale.of("policy.decided", INTENT)) {
    const [call, decision] = [text(event, "call_id"), text(event, "decision_id")];
    if (event.type === INTENT) {
      const message = `no decision in the record lets the call ${call} go`;
      if (permits.get(decision) !== call) found.push({ code: "RULE-POLICY", line, message });
    } else if (lets(event)) permits.set(decision, call);
  }
  return found;
};

function lets(event: Event): boolean {
  return PERMITS.includes(text(event, "effect")) && text(event, "phase") === "before" && number(event, "seq") > 0;
}

/** Behind what is sent, the policy in force is the same or a newer one. */
const policyNeverGoesBack: Rule = (tale) => {
  const decided = new Map<string, [environment: string, seq: number]>();
  const newest = new Map<string, number>();
  const found: Broken[] = [];
  for (const [line, event] of tale.of("policy.decided", INTENT)) {
    const decision = text(event, "decision_id");
    const known = decided.get(decision);
    if (event.type !== INTENT) decided.set(decision, [text(event, "environment_id"), number(event, "seq")]);
    else if (known) {
      const [environment, seq] = known;
      const latest = newest.get(environment) ?? 0;
      const message = `policy ${seq} decided when ${latest} was in force`;
      if (seq < latest) found.push({ code: "RULE-BUNDLE", line, message });
      newest.set(environment, Math.max(seq, latest));
    }
  }
  return found;
};

const whatWasDeniedDoesNotRun: Rule = (tale) => {
  const denied = new Set<string>();
  return tale.of("tool.call.denied", INTENT).flatMap(([line, event]) => {
    const call = text(event, "call_id");
    if (event.type !== INTENT) denied.add(call);
    else if (denied.has(call)) return [{ code: "RULE-DENIED", line, message: `the call ${call} had been denied` }];
    return [];
  });
};

/** Of all attempts under one idempotency key, at most one completed. */
const oneEffectPerKey: Rule = (tale) => {
  const keys = new Map(tale.of(INTENT).map(([, event]) => [attempt(event), text(event, "idempotency_key")]));
  const completed = new Set<string>();
  return tale.of(COMPLETED).flatMap(([line, event]) => {
    const key = keys.get(attempt(event));
    if (!key) return [];
    if (completed.has(key)) return [{ code: "RULE-EFFECT", line, message: `a second effect under the key ${key}` }];
    completed.add(key);
    return [];
  });
};

/** A run pins version and manifest of its tools when it starts. */
const toolsAreThoseOfTheStart: Rule = (tale) => {
  const pins = tale.of("run.started")[0]?.[1].data.get("tools");
  if (!(pins instanceof Map)) return [];
  return tale.of(INTENT).flatMap(([line, event]) => {
    const [tool, used] = [text(event, "tool"), `${text(event, "tool_version")} ${text(event, "manifest_digest")}`];
    if ((pins.get(tool) ?? used) === used) return [];
    return [{ code: "RULE-PIN", line, message: `${tool} is not the tool that the run began with` }];
  });
};

/** A run says at its end what it has cost: no less than its steps, no more than all that is on record before. */
const totalsAreSums: Rule = (tale) => {
  const costs = tale.of(...COSTS);
  const settled = tale.of("run.step_settled");
  return tale.of("run.closed").flatMap(([line, closed]) => {
    const earlier = costs.filter(([at]) => at < line).map(([, event]) => event);
    const steps = new Set(settled.filter(([at]) => at < line).map(([, event]) => text(event, "call_id")));
    const least = sum(earlier.filter((event) => steps.has(text(event, "call_id"))));
    const [most, claimed] = [sum(earlier), number(closed, "cost_micros")];
    if (least <= claimed && claimed <= most) return [];
    return [{ code: "RULE-COST", line, message: `${claimed} micros, the record adds up to ${most}` }];
  });
};

/** Exact beyond 2^53: a sum may be larger than any number of the format. */
function sum(events: Event[]): bigint {
  return events.reduce((total, event) => total + BigInt(number(event, "cost_micros")), 0n);
}

export const RULES: Rule[] = [
  intentsComeFirst,
  whatIsSentWasProposed,
  policyAllowedIt,
  policyNeverGoesBack,
  whatWasDeniedDoesNotRun,
  oneEffectPerKey,
  toolsAreThoseOfTheStart,
  totalsAreSums,
];
