// Rules about who was asked, who said yes to what, and how the answer was used.
import { byCodePoint } from "./bytes.ts";
import { INTENT } from "./rules-of-calls.ts";
import { type Broken, keyed, number, type Rule, text, texts } from "./tale.ts";

const REQUESTED = "approval.requested";
const VOTE = "approval.vote_cast";
const TAKEN_BACK = "approval.vote_taken_back";
const CONSUMED = "approval.consumed";
const INTERESTED = ["requester_id", "run_starter_id", "agent_owner_id"];

const listed = (names: Iterable<string>): string => [...names].sort(byCodePoint).join(", ");

/** Requester, starter of the run, owner of the agent and whom policy excludes are not among the approvers. */
const nobodyApprovesTheirOwn: Rule = (tale) => {
  const interested = new Map(
    tale.of(REQUESTED).map(([, event]) => [
      text(event, "request_id"),
      new Set([
        ...INTERESTED.filter((role) => event.data.has(role)).map((role) => text(event, role)),
        ...texts(event, "also_excluded"),
      ]),
    ]),
  );
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

export const RULES: Rule[] = [
  nobodyApprovesTheirOwn,
  whatWasApprovedIsWhatRuns,
  enoughPeopleAgreed,
  approversSaidSo,
  whatWasShownIsWhatWasAsked,
  onlyPeopleVote,
  anApprovalIsUsedOnce,
  onlyAYesIsUsed,
];
