// Governance rules over events. They hold or are broken whoever signed the events.
import type { Event } from "./envelope.ts";
import * as approvals from "./rules-of-approvals.ts";
import * as calls from "./rules-of-calls.ts";
import { type Broken, keyed, number, type Rule, type Tale, text } from "./tale.ts";

/** These need what came before: asked where a run is shown from its start. */
const LOOK_BACK: Rule[] = [...approvals.RULES, ...calls.RULES];

/** These need what came after: asked where a run is shown to its end. */
const LOOK_AHEAD: Rule[] = [calls.intentsHaveOutcomes];

export const COUNT = LOOK_BACK.length + LOOK_AHEAD.length + 2;

/** `whole`: the events are all of a log, from its first one on. */
export function broken(tales: Tale[], events: Event[], whole: boolean): Broken[] {
  return [...oneNumberOnePolicy(events), ...(whole ? standInsWereNamed(events) : []), ...tales.flatMap(brokenIn)];
}

function brokenIn(tale: Tale): Broken[] {
  const rules = [...(tale.fromStart ? LOOK_BACK : []), ...(tale.toEnd ? LOOK_AHEAD : [])];
  return rules.flatMap((rule) => rule(tale));
}

/** Under one number of an environment, all decisions and the activation speak of the same bundle. */
function oneNumberOnePolicy(events: Event[]): Broken[] {
  const known = new Map<string, string>();
  return events.flatMap((event, at) => {
    const seq = number(event, "seq");
    if (!["policy.decided", "policy.activated"].includes(event.type) || !seq) return [];
    const [place, bundle] = [keyed(text(event, "environment_id"), seq), text(event, "bundle_sha256")];
    const first = known.get(place) ?? bundle;
    known.set(place, first);
    if (first === bundle) return [];
    return [{ code: "RULE-BUNDLE", line: at + 1, message: `two policies under the number ${seq}` }];
  });
}

/** Whoever votes with the right of another was named by them, and it had not ended. */
function standInsWereNamed(events: Event[]): Broken[] {
  const named = new Map<string, string>();
  return events.flatMap((event, at) => {
    const [delegation, principal, voter] = [text(event, "delegation_id"), text(event, "right_of"), text(event, "voter_id")];
    if (event.type === "approval.delegated") {
      named.set(delegation, keyed(text(event, "principal_id"), text(event, "stand_in_id")));
    } else if (event.type === "approval.delegation_ended") named.delete(delegation);
    else if (event.type === approvals.VOTE && principal && ![...named.values()].includes(keyed(principal, voter))) {
      return [{ code: "RULE-RIGHT", line: at + 1, message: `${voter} does not stand in for ${principal}` }];
    }
    return [];
  });
}
