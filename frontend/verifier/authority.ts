// First stages: who speaks, and are these the files they spoke about?
import * as bag from "./bag.ts";
import { type Bytes, equal } from "./bytes.ts";
import { checkpointNames, type Dossier, reading } from "./dossier.ts";
import * as dsse from "./dsse.ts";
import * as keyring from "./keyring.ts";
import * as layout from "./layout.ts";
import * as statement from "./statement.ts";
import { root } from "./trust.ts";

/** The rest of the checks has nothing to stand on. */
export class Stop extends Error {}

/** Every file that the format asks for is there, or the statement tells that it was removed. */
export function checkPresence(dossier: Dossier): void {
  const claims = claimsOf(dossier);
  const missing = layout.required(claims?.predicate.kind ?? "run").filter((name) => !dossier.members.has(name));
  if (!checkpointNames(dossier.members).length) missing.push(layout.checkpoint(1));
  for (const name of missing) {
    dossier.fail(claims?.subjects.has(name) ? "FILE-REMOVED" : "MISSING-FILE", name, "the file is not in the bundle");
  }
  if (missing.length) throw new Stop();
}

/** The keyring speaks only by the root key from outside the bundle. */
export async function checkKeyring(dossier: Dossier): Promise<void> {
  const before = dossier.failed;
  const envelope = reading(layout.KEYRING, keyringEnvelope, dossier.file(layout.KEYRING));
  dossier.ring = reading(layout.KEYRING, keyring.parse, envelope.payload);
  const { version, scope } = dossier.ring;
  const { trust } = dossier.question;
  if (trust === null) {
    dossier.fail("TRUST-NONE", "trust", "no trust file was given: nothing says whose keys these are");
    return;
  }
  await checkRoot(dossier, envelope);
  if (version < trust.minKeyringVersion) {
    dossier.fail("KEYRING-OLD", layout.KEYRING, `version ${version} is older than the trusted one`);
  }
  if (!scope.startsWith(trust.scope)) {
    dossier.fail("KEY-SCOPE", layout.KEYRING, `the keys speak for ${scope}, not for ${trust.scope}`);
  }
  if (dossier.failed === before) dossier.report.assurance = 1;
  dossier.conclude("KEYRING", layout.KEYRING, `version ${version} is signed by the root key`, before);
}

/** The statement is signed by a key of the keyring that may sign bundles, and speaks of one known log. */
export async function checkStatement(dossier: Dossier): Promise<void> {
  const before = dossier.failed;
  const envelope = reading(layout.STATEMENT, statementEnvelope, dossier.file(layout.STATEMENT));
  dossier.statement = reading(layout.STATEMENT, statement.parse, envelope.payload);
  const { kind, origin } = dossier.claims;
  [dossier.report.kind, dossier.report.origin] = [kind, origin];
  await checkSigned(dossier, envelope, layout.STATEMENT, "the statement", dossier.claims.generated_at);
  const { trust } = dossier.question;
  if (!origin.startsWith(dossier.ring.scope) || (trust !== null && !origin.startsWith(trust.scope))) {
    dossier.fail("ORIGIN", layout.STATEMENT, `the log ${origin} is not one of those that are trusted here`);
  }
  dossier.conclude("STATEMENT", layout.STATEMENT, `signed, for ${origin}`, before);
}

/** Digests in both directions: nothing changed, nothing removed, nothing added, and the bag fits. */
export async function checkFiles(dossier: Dossier): Promise<void> {
  const before = dossier.failed;
  const actual = await statement.digests(dossier.members);
  const { subjects } = dossier.statement;
  for (const [name, digest] of subjects) {
    if (!actual.has(name)) dossier.fail("FILE-REMOVED", name, "the statement names this file");
    else if (actual.get(name) !== digest) dossier.fail("FILE-DIGEST", name, "the content is not what was signed");
  }
  const unsigned = new Set([layout.STATEMENT, ...bag.TAG_FILES]);
  for (const name of [...actual.keys()].sort()) {
    if (!subjects.has(name) && !unsigned.has(name)) {
      dossier.fail("FILE-ADDED", name, "the statement does not name this file");
    }
  }
  await checkBag(dossier, actual);
  dossier.conclude("FILES", "bundle", `${subjects.size} files are those that were signed`, before);
}

/** May this key have signed at that time? A revoked key proves nothing, unless somebody trusted has seen what it signed
 * before the revocation (`provenMs`). */
export function checkKey(dossier: Dossier, key: keyring.Key, where: string, atMs: number, provenMs = Infinity): void {
  if (key.revokedAt !== null && provenMs >= key.revokedAt) {
    dossier.fail("KEY-REVOKED", where, `${key.kid} was revoked, and nothing proves that it signed before that`);
  } else if (atMs > key.notAfter) {
    dossier.fail("KEY-PERIOD", where, `${key.kid} had expired when this was signed`);
  } else if (dossier.question.atMs < key.notBefore) {
    dossier.fail("KEY-PERIOD", where, `${key.kid} is not valid yet`);
  }
}

const keyringEnvelope = (data: Bytes) => dsse.parse(data, keyring.PAYLOAD_TYPE);
const statementEnvelope = (data: Bytes) => dsse.parse(data, statement.PAYLOAD_TYPE);

/** The statement, if it is there; its signature is judged later. */
function claimsOf(dossier: Dossier): statement.Statement | null {
  const sealed = dossier.members.get(layout.STATEMENT);
  if (!sealed) return null;
  const envelope = reading(layout.STATEMENT, statementEnvelope, sealed);
  return reading(layout.STATEMENT, statement.parse, envelope.payload);
}

async function checkRoot(dossier: Dossier, envelope: dsse.Envelope): Promise<void> {
  for (const [kid, signature] of envelope.signatures) {
    const key = root(dossier.question.trust!, kid);
    if (!key) continue;
    if (!(await dsse.holds(envelope, key, signature))) {
      dossier.fail("DSSE-SIG", layout.KEYRING, `the signature of ${kid} does not hold`);
    }
    return;
  }
  dossier.fail("ROOT-KEY", layout.KEYRING, "no trusted root key signed the keyring");
}

/** A key of the keyring that may sign bundles signed this, at that time. */
export async function checkSigned(
  dossier: Dossier, envelope: dsse.Envelope, where: string, what: string, atMs: number,
): Promise<void> {
  for (const [kid, signature] of envelope.signatures) {
    const key = keyring.find(dossier.ring, kid, "bundle");
    if (!key) continue;
    if (!(await dsse.holds(envelope, key.public, signature))) {
      dossier.fail("DSSE-SIG", where, `the signature of ${kid} does not hold`);
    }
    checkKey(dossier, key, where, atMs);
    return;
  }
  dossier.fail("DSSE-KEY", where, `no key of the keyring signed ${what}`);
}

async function checkBag(dossier: Dossier, digests: ReadonlyMap<string, string>): Promise<void> {
  const others = new Map([...dossier.members].filter(([name]) => !bag.TAG_FILES.includes(name)));
  for (const [name, content] of await bag.tagFiles(others, digests)) {
    const found = dossier.members.get(name);
    if (!found) dossier.fail("FILE-REMOVED", name, "a bag has this file");
    else if (!equal(found, content)) dossier.fail("BAG-DIGEST", name, "the tag file does not fit the payload");
  }
}
