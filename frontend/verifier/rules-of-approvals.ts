// Rules about who was asked, who said yes to what, and how the answer was used.
import { byCodePoint } from "./bytes.ts";
import type { Event } from "./envelope.ts";
import { shown } from "./json.ts";
import { INTENT } from "./rules-of-calls.ts";
import { type Broken, keyed, number, type Rule, type Tale, text, texts } from "./tale.ts";

const REQUESTED = "approval.requested";
export const VOTE = "approval.vote_cast";
const TAKEN_BACK = "approval.vote_taken_back";
export const CONSUMED = "approval.consumed";
const STEPPED_UP = ["high", "critical"];
const PASSKEY_ONLY = "critical";
const INTERESTED = ["requester_id", "run_starter_id", "agent_owner_id"];

const listed = (names: Iterable<string>): string => [...names].sort(byCodePoint).join(", ");

/** Who stands behind each question, and whom policy excludes. */
function interestedIn(tale: Tale): Map<string, Set<string>> {
  return new Map(
    tale.of(REQUESTED).map(([, event]) => [
      text(event, "request_id"),
      new Set([
        ...INTERESTED.filter((role) => event.data.has(role)).map((role) => text(event, role)),
        ...texts(event, "also_excluded"),
      ]),
    ]),
  );
}

/** Requester, starter of the run, owner of the agent and whom policy excludes are not among the approvers. */
const nobodyApprovesTheirOwn: Rule = (tale) => {
  const interested = interestedIn(tale);
  return tale.of(CONSUMED).flatMap(([line, event]) => {
    const involved = interested.get(text(event, "request_id")) ?? new Set();
    const own = [...texts(event, "approvers")].filter((approver) => involved.has(approver));
    return own.length ? [{ code: "RULE-SOD", line, message: `${listed(own)} approved what they asked for` }] : [];
  });
};

/** An intent that rests on an approval carries the digest that was approved and consumed. */
const whatWasApprovedIsWhatRuns: Rule = (tale) => {
  const consumed = new Map<string, string>();
  const found: Broken[] = [];
  for (const [line, event] of tale.of(CONSUMED, INTENT)) {
    const [request, digest] = [text(event, "request_id"), text(event, "action_digest")];
    if (event.type === CONSUMED) consumed.set(request, digest);
    else if (request && consumed.get(request) !== digest) {
      found.push({ code: "RULE-TOCTOU", line, message: "the action that was sent is not the one that was approved" });
    }
  }
  return found;
};

/** As many different people as the question asked for. */
const enoughPeopleAgreed: Rule = (tale) => {
  const quorum = new Map(tale.of(REQUESTED).map(([, event]) => [text(event, "request_id"), number(event, "quorum")]));
  return tale.of(CONSUMED).flatMap(([line, event]) => {
    const [needed, found] = [quorum.get(text(event, "request_id")) ?? 1, texts(event, "approvers").size];
    if (found >= Math.max(needed, 1)) return [];
    return [{ code: "RULE-QUORUM", line, message: `${found} approved where ${needed} had to` }];
  });
};

/** Each who is named as approver has voted yes, on that action, before it was used, and not taken it back. */
const approversSaidSo: Rule = (tale) => {
  const agreed = new Set<string>();
  const found: Broken[] = [];
  for (const [line, event] of tale.of(VOTE, TAKEN_BACK, CONSUMED)) {
    const about = [text(event, "request_id"), text(event, "action_digest")];
    if (event.type === CONSUMED) {
      const silent = [...texts(event, "approvers")].filter((approver) => !agreed.has(keyed(...about, approver)));
      const message = `no yes of ${listed(silent)} to this action is on record`;
      if (silent.length) found.push({ code: "RULE-VOTE", line, message });
    } else if (event.type === TAKEN_BACK) agreed.delete(keyed(...about, text(event, "voter_id")));
    else if (text(event, "verdict") === "approve") agreed.add(keyed(...about, text(event, "voter_id")));
  }
  return found;
};

/** Votes and use carry the digest of the display that the question was put with. */
const whatWasShownIsWhatWasAsked: Rule = (tale) => {
  const shown = new Map(
    tale.of(REQUESTED).map(([, event]) => [text(event, "request_id"), text(event, "display_digest")]),
  );
  return tale.of(VOTE, CONSUMED).flatMap(([line, event]) => {
    const asked = shown.get(text(event, "request_id"));
    if (asked === undefined || text(event, "display_digest") === asked) return [];
    return [{ code: "RULE-SHOWN", line, message: "what was shown is not what the question was put with" }];
  });
};

/** A vote is cast by the person whose vote it is. */
const onlyPeopleVote: Rule = (tale) =>
  tale.of(VOTE).flatMap(([line, event]) => {
    const voter = text(event, "voter_id");
    if (event.actor.get("kind") === "human" && event.actor.get("id") === voter) return [];
    return [{ code: "RULE-HUMAN", line, message: `the vote of ${voter} was not cast by that person` }];
  });

const anApprovalIsUsedOnce: Rule = (tale) => {
  const used = new Set<string>();
  return tale.of(CONSUMED).flatMap(([line, event]) => {
    const request = text(event, "request_id");
    const again = used.has(request);
    used.add(request);
    return again ? [{ code: "RULE-ONCE", line, message: `the approval ${request} is used a second time` }] : [];
  });
};

/** What was rejected, has expired or was taken back is not used, nor what nobody decided. */
const onlyAYesIsUsed: Rule = (tale) => {
  const approved = new Set<string>();
  const found: Broken[] = [];
  for (const [line, event] of tale.of("approval.decided", "approval.voided", "approval.withdrawn", CONSUMED)) {
    const request = text(event, "request_id");
    if (event.type === CONSUMED) {
      const message = `the request ${request} was not approved when it was used`;
      if (!approved.has(request)) found.push({ code: "RULE-REFUSED", line, message });
    } else if (event.type === "approval.decided" && text(event, "state") === "APPROVED") approved.add(request);
    else approved.delete(request);
  }
  return found;
};

/** In the tiers high and critical each yes brought a second factor, in critical a passkey. */
const highTiersNeedASecondFactor: Rule = (tale) => {
  const tiers = new Map(tale.of(REQUESTED).map(([, event]) => [text(event, "request_id"), text(event, "tier")]));
  return tale.of(VOTE).flatMap(([line, event]) => {
    const [tier, factor] = [tiers.get(text(event, "request_id")) ?? "", text(event, "step_up")];
    const lacks = (STEPPED_UP.includes(tier) && !factor) || (tier === PASSKEY_ONLY && factor !== "passkey");
    if (text(event, "verdict") !== "approve" || !lacks) return [];
    const message = `a yes in the tier ${tier} without the second factor that it asks for`;
    return [{ code: "RULE-STEPUP", line, message }];
  });
};

/** Where the question names roles, different people filled them; where it wants different roles, they had them. */
const thePlacesWereFilled: Rule = (tale) => {
  const asked = new Map(tale.of(REQUESTED).map(([, event]) => [text(event, "request_id"), event]));
  return used(tale).flatMap(({ line, event, votes }) => {
    const question = asked.get(text(event, "request_id"));
    if (!question) return [];
    const [people, places] = [votes.map((vote) => texts(vote, "roles")), listOf(question, "roles")];
    const among = question.data.get("distinct_roles") === true ? new Set(people.flatMap((roles) => [...roles])) : new Set<string>();
    const distinct = !among.size || filled([...among], people) >= number(question, "quorum");
    if (filled(places, people) === places.length && distinct) return [];
    return [{ code: "RULE-ROLES", line, message: "the approvers do not fill the places that the question names" }];
  });
};

/** Who stands in for somebody uses that person's right: once, and not if that person may not decide. */
const aRightCountsOnce: Rule = (tale) => {
  const interested = interestedIn(tale);
  return used(tale).flatMap(({ line, event, votes }) => {
    const found: Broken[] = [];
    const rights = votes.map((vote) => text(vote, "right_of") || text(vote, "voter_id"));
    if (new Set(rights).size < rights.length) {
      found.push({ code: "RULE-RIGHT", line, message: "one right was used for two votes" });
    }
    const [involved, approvers] = [interested.get(text(event, "request_id")), texts(event, "approvers")];
    const own = new Set(rights.filter((right) => involved?.has(right) && !approvers.has(right)));
    const message = `the right of ${listed(own)}, who may not decide, was used`;
    if (own.size) found.push({ code: "RULE-RIGHT", line, message });
    return found;
  });
};

/** How many of the places can be filled at once, each by another person (augmenting paths, Kuhn 1955). */
function filled(places: string[], people: Set<string>[]): number {
  const taken = new Map<number, number>();
  const seat = (person: number, tried: Set<number>): boolean =>
    places.some((role, place) => {
      if (!people[person]!.has(role) || tried.has(place)) return false;
      tried.add(place);
      const other = taken.get(place);
      if (other !== undefined && !seat(other, tried)) return false;
      taken.set(place, person);
      return true;
    });
  return people.filter((_, person) => seat(person, new Set())).length;
}

/** Each use of an approval with the votes that it rests on, one of each approver: the last yes before it. */
function used(tale: Tale): { line: number; event: Event; votes: Event[] }[] {
  const yes = new Map<string, Event>();
  return tale.of(VOTE, CONSUMED).flatMap(([line, event]) => {
    const request = text(event, "request_id");
    if (event.type === VOTE) {
      if (text(event, "verdict") === "approve") yes.set(keyed(request, text(event, "voter_id")), event);
      return [];
    }
    const approvers = [...texts(event, "approvers")];
    return [{ line, event, votes: approvers.flatMap((approver) => yes.get(keyed(request, approver)) ?? []) }];
  });
}

function listOf(event: Event, member: string): string[] {
  const value = event.data.get(member);
  return Array.isArray(value) ? value.map(shown) : [];
}

export const RULES: Rule[] = [
  nobodyApprovesTheirOwn,
  whatWasApprovedIsWhatRuns,
  enoughPeopleAgreed,
  approversSaidSo,
  whatWasShownIsWhatWasAsked,
  onlyPeopleVote,
  anApprovalIsUsedOnce,
  onlyAYesIsUsed,
  highTiersNeedASecondFactor,
  thePlacesWereFilled,
  aRightCountsOnce,
];
