// Votes that a passkey signed: the operator cannot make them up, as long as the keys are pinned outside the bundle. Whose
// key it is that signed, only the trust file can say (`approvers`).
import { equal } from "./bytes.ts";
import type { Dossier } from "./dossier.ts";
import type { Event } from "./envelope.ts";
import * as layout from "./layout.ts";
import * as passkey from "./passkey.ts";
import { CONSUMED, VOTE } from "./rules-of-approvals.ts";
import { keyed, type Tale, text, texts } from "./tale.ts";

const PROVED = "step_up.proved";
const PASSKEY = "passkey";

/** A yes on `line` that says that a passkey signed it; `assertion` is absent where what it signed is not here. */
interface Signed {
  line: number;
  voter: string;
  request: string;
  assertion: passkey.Assertion | undefined;
}

/** What passkeys signed holds; whose they are is what the trust file says. */
export async function checkPasskeys(dossier: Dossier, tales: Tale[]): Promise<void> {
  const before = dossier.failed;
  const votes: Signed[] = [];
  for (const tale of tales) if (tale.fromStart) votes.push(...(await votesOf(dossier, tale)));
  const sound = dossier.failed === before;
  const pinned = votes.filter((vote) => sound && isPinned(dossier, vote));
  if (dossier.failed > before || !votes.length) return;
  if (pinned.length < votes.length) {
    const message = `${votes.length - pinned.length} votes by passkeys that are not pinned: they are the operator's word`;
    dossier.report.skip("APPROVERS", layout.EVENTS, message);
    return;
  }
  dossier.report.passed("APPROVERS", layout.EVENTS, `pinned passkeys of approvers signed ${pinned.length} votes`);
  if (allUsedAreSigned(tales, pinned) && dossier.report.assurance === 3) dossier.report.assurance = 4;
}

async function votesOf(dossier: Dossier, tale: Tale): Promise<Signed[]> {
  const [proofs, votes] = [new Map<string, passkey.Assertion>(), [] as Signed[]];
  for (const [line, event] of tale.of(PROVED, VOTE)) {
    const digest = text(event, "action_digest");
    if (event.type === PROVED && text(event, "method") === PASSKEY) {
      const found = await proofOf(dossier, event, line);
      if (found) proofs.set(keyed(text(event, "user_id"), digest), found);
    } else if (event.type === VOTE && text(event, "step_up") === PASSKEY && text(event, "verdict") === "approve") {
      const voter = text(event, "voter_id");
      const assertion = proofs.get(keyed(voter, digest));
      proofs.delete(keyed(voter, digest));
      votes.push({ line, voter, request: text(event, "request_id"), assertion });
    }
  }
  return votes;
}

/** Null for one that is not good, and for one of a kind that is not known here. */
async function proofOf(dossier: Dossier, event: Event, line: number): Promise<passkey.Assertion | null> {
  const assertion = passkey.read(event.data.get("assertion"));
  if (!assertion) {
    dossier.fail("APPROVAL-SIG", `${layout.EVENTS}:${line}`, "what the passkey signed is not here");
    return null;
  }
  if (!passkey.isKnown(assertion.publicKey)) return null;
  const fault = await passkey.fault(assertion, text(event, "action_digest"));
  if (fault) dossier.fail("APPROVAL-SIG", `${layout.EVENTS}:${line}`, `what the passkey signed ${fault}`);
  return fault ? null : assertion;
}

function isPinned(dossier: Dossier, { line, voter, assertion }: Signed): boolean {
  const approver = dossier.question.trust?.approvers.find(({ id }) => id === voter);
  if (!approver || (!assertion && !approver.keys.every(passkey.isKnown))) return false;
  const known = assertion !== undefined && approver.keys.some((key) => equal(key, assertion.publicKey));
  if (known && assertion.rpId === approver.rpId) return true;
  dossier.fail("APPROVER-KEY", `${layout.EVENTS}:${line}`, `no pinned key of ${voter} signed this vote`);
  return false;
}

function allUsedAreSigned(tales: Tale[], pinned: Signed[]): boolean {
  const signed = new Set(pinned.map(({ request, voter }) => keyed(request, voter)));
  const used = tales.flatMap((tale) => tale.of(CONSUMED).map(([, event]) => event));
  const needed = used.flatMap((event) => [...texts(event, "approvers")].map((one) => keyed(text(event, "request_id"), one)));
  return needed.length > 0 && needed.every((one) => signed.has(one));
}
