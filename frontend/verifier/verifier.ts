// The order of the checks. Each stage stands on what the ones before have authenticated. The parsers, the tree, the
// hash and the signatures share nothing with the verifier in Python: a flaw in one of the two shows as a report that differs.
import * as anchoring from "./anchoring.ts";
import * as authority from "./authority.ts";
import type { Bytes } from "./bytes.ts";
import * as container from "./container.ts";
import { Dossier, type Onward, type Question } from "./dossier.ts";
import { Report, type Verdict } from "./findings.ts";
import * as history from "./history.ts";
import type { Kind } from "./layout.ts";
import { Malformed } from "./malformed.ts";
import * as population from "./population.ts";
import * as pruning from "./pruning.ts";
import * as story from "./story.ts";

const CONSISTENT: Verdict[] = ["VERIFIED", "INCOMPLETE", "RULE_VIOLATION"];

type Stage = (dossier: Dossier) => void | Promise<void>;

const AUTHORITY: Stage[] = [
  authority.checkPresence,
  authority.checkKeyring,
  authority.checkStatement,
  authority.checkFiles,
  history.checkLeavesForm,
  history.readCheckpoints,
  anchoring.checkAnchors,
  history.checkCheckpoints,
];
const HEADS: Stage[] = [history.checkConsistency, history.checkKnown];
const PARTS: Stage[] = [...HEADS, history.checkInclusion, story.checkEvents];
const OF_KIND: Record<Kind, Stage[]> = {
  run: [...PARTS, story.checkRun],
  approval: [...PARTS, story.checkApproval],
  period: [
    population.checkRange, population.checkGrowth, ...HEADS, pruning.checkPruned, story.checkEvents, population.checkRuns,
  ],
};
const STORY: Stage[] = [
  story.checkTime,
  story.checkDisclosures,
  story.checkReport,
  story.checkRules,
  story.checkPasskeys,
  story.checkProfile,
];

/** Judge a bundle. Never throws for what the bundle holds: everything becomes a finding. Tells how far it is, 0 to 1. */
export async function verify(bundle: Bytes, question: Question, onward?: Onward): Promise<Report> {
  const report = new Report();
  try {
    const members = container.unpack(bundle);
    report.passed("CONTAINER", "bundle", `${members.size} members in canonical form`);
    const dossier = new Dossier(question, members, report, onward);
    for (const stage of AUTHORITY) await stage(dossier);
    for (const stage of [...OF_KIND[dossier.claims.kind], ...STORY]) await stage(dossier);
  } catch (error) {
    if (error instanceof Malformed) report.fail(error.code, error.where, error.message);
    else if (error instanceof authority.Stop) {
      report.skip("REMAINING", "bundle", "the other checks need the missing files");
    } else throw error;
  }
  if (!CONSISTENT.includes(report.verdict)) report.assurance = 0;
  return report;
}
