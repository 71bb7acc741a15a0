// RFC 3161 time-stamp tokens, judged offline against a certificate that the auditor has pinned. Only that certificate
// counts: no chain, no store, nothing that the token brings along.
import { type Bytes, equal, hex, joined } from "./bytes.ts";
import * as certificates from "./certificate.ts";
import * as der from "./der.ts";
import type { Element } from "./der.ts";
import { Malformed } from "./malformed.ts";

const SIGNED_DATA = "2a864886f70d010702";
const TST_INFO = "2a864886f70d0109100104";
const CONTENT_TYPE = "2a864886f70d010903";
const MESSAGE_DIGEST = "2a864886f70d010904";
const SIGNING_CERTIFICATE = "2a864886f70d010910020c";
const SIGNING_CERTIFICATE_V2 = "2a864886f70d010910022f";
const SHA256 = "608648016503040201";
const HASHES = new Map([
  [SHA256, "SHA-256"],
  ["608648016503040202", "SHA-384"],
  ["608648016503040203", "SHA-512"],
]);
const RSA_SIGNATURES = ["01", "0b", "0c", "0d"].map((last) => `2a864886f70d0101${last}`);
const EC_SIGNATURES = ["02", "03", "04"].map((last) => `2a8648ce3d0403${last}`);
const HALVES = new Map([["P-256", 32], ["P-384", 48], ["P-521", 66]]);
const CONTEXT_0 = 0xa0;
const TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d{1,9})?Z$/;

/** A parsed token: `imprint` (SHA-256) existed at `timeMs`, if its signature holds. */
export interface Token {
  imprint: Bytes;
  timeMs: number;
  issuer: Bytes;
  serial: string;
  content: Bytes;
  hash: string;
  attributes: Bytes;
  contentDigest: Bytes;
  certificateDigest: [hash: string, digest: Bytes];
  algorithm: string;
  signature: Bytes;
}

/** Read a TimeStampToken; throws Malformed for one that is not of the form that this format keeps. */
export function parse(data: Bytes): Token {
  const [kind, wrapped] = der.sequence(der.read(data), 2) as [Element, Element];
  if (hex(kind.content) !== SIGNED_DATA) throw malformed("not signed data");
  const signed = der.sequence(only(der.expect(wrapped, CONTEXT_0)), 4);
  const content = contentOf(signed[2]!);
  const signer = der.sequence(only(der.expect(signed.at(-1)!, der.SET!)), 6);
  const [name, digest, attributes, algorithm, signature] = signer.slice(1, 6) as [
    Element, Element, Element, Element, Element,
  ];
  const [issuer, serial] = der.sequence(name, 2) as [Element, Element];
  const hash = HASHES.get(oid(digest));
  if (!hash) throw malformed("a digest other than SHA-2");
  const [imprint, timeMs] = infoOf(content);
  const covered = joined(Uint8Array.of(der.SET!), der.expect(attributes, CONTEXT_0).raw.subarray(1));
  const found = attributesOf(covered);
  return {
    imprint,
    timeMs,
    issuer: issuer.raw,
    serial: certificates.serialOf(der.expect(serial, der.INTEGER!)),
    content,
    hash,
    attributes: covered,
    contentDigest: der.expect(only(found.get(MESSAGE_DIGEST)!), der.OCTETS!).content,
    certificateDigest: certificateDigest(found),
    algorithm: oid(algorithm),
    signature: der.expect(signature, der.OCTETS!).content,
  };
}

/** Does it claim to be signed by the key of this certificate (DER)? */
export function names(token: Token, certificate: Bytes): boolean {
  const pinned = certificates.parse(certificate);
  return equal(token.issuer, pinned.issuer) && token.serial === pinned.serial;
}

/** Signed by the key of this certificate, which may stamp times and was valid at that time. */
export async function holds(token: Token, certificate: Bytes): Promise<boolean> {
  const pinned = certificates.parse(certificate);
  if (token.timeMs < pinned.notBefore || token.timeMs > pinned.notAfter || !pinned.stamps) return false;
  const [name, named] = token.certificateDigest;
  if (!equal(named, await digest(name, certificate))) return false;
  return equal(token.contentDigest, await digest(token.hash, token.content)) && signatureHolds(token, pinned);
}

async function signatureHolds(token: Token, pinned: certificates.Certificate): Promise<boolean> {
  const half = HALVES.get(pinned.kind ?? "");
  if (pinned.kind === "RSA" && RSA_SIGNATURES.includes(token.algorithm)) {
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: token.hash };
    return verified(algorithm, algorithm, pinned.key, token.signature, token.attributes);
  }
  if (half === undefined || !EC_SIGNATURES.includes(token.algorithm)) return false;
  const signature = halves(token.signature, half);
  const [kind, how] = [{ name: "ECDSA", namedCurve: pinned.kind! }, { name: "ECDSA", hash: token.hash }];
  return signature !== null && verified(kind, how, pinned.key, signature, token.attributes);
}

async function verified(
  kind: RsaHashedImportParams | EcKeyImportParams,
  how: Algorithm | EcdsaParams,
  key: Bytes,
  signature: Bytes,
  message: Bytes,
): Promise<boolean> {
  const imported = await crypto.subtle.importKey("spki", key, kind, false, ["verify"]);
  return crypto.subtle.verify(how, imported, signature, message);
}

/** r ‖ s of an ECDSA signature in ASN.1, or null when it is none. */
function halves(signature: Bytes, size: number): Bytes | null {
  try {
    const numbers = der.sequence(der.read(signature), 2).map((part) => der.expect(part, der.INTEGER!).content);
    const bare = numbers.map((number) => (number[0] === 0 ? number.subarray(1) : number));
    if (numbers.length !== 2 || bare.some((number) => number.length > size)) return null;
    return joined(...bare.flatMap((number) => [new Uint8Array(size - number.length), number]));
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

function contentOf(encapsulated: Element): Bytes {
  const [kind, wrapped] = der.sequence(encapsulated, 2) as [Element, Element];
  if (hex(kind.content) !== TST_INFO) throw malformed("not a time stamp");
  return der.expect(only(der.expect(wrapped, CONTEXT_0)), der.OCTETS!).content;
}

function infoOf(content: Bytes): [Bytes, number] {
  const found = der.sequence(der.read(content), 5);
  const pair = der.sequence(found[2]!, 2);
  if (pair.length !== 2) throw malformed("the stamped digest is not SHA-256");
  const [algorithm, imprint] = pair as [Element, Element];
  if (oid(algorithm) !== SHA256 || der.expect(imprint, der.OCTETS!).content.length !== 32) {
    throw malformed("the stamped digest is not SHA-256");
  }
  return [imprint.content, timeOf(der.expect(found[4]!, der.GENERALIZED_TIME!).content)];
}

/** Milliseconds since 1970; what is finer is cut off. */
function timeOf(content: Bytes): number {
  const [, year, month, day, hour, minute, second, fraction] = TIME.exec(String.fromCharCode(...content)) ?? [];
  const text = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const at = new Date(`${text}Z`);
  if (year === undefined || year === "0000" || Number.isNaN(at.getTime()) || at.toISOString().slice(0, 19) !== text) {
    throw malformed("not a time in UTC");
  }
  return at.getTime() + Number((fraction ?? ".0").slice(1, 4).padEnd(3, "0"));
}

/** Each attribute once, and the two that CMS asks for (RFC 5652 §5.3). */
function attributesOf(covered: Bytes): Map<string, Element> {
  const pairs = der.parts(der.read(covered)).map((attribute) => der.sequence(attribute, 2));
  const found = new Map(
    pairs.map(([kind, values]) => [hex(der.expect(kind!, der.OID!).content), der.expect(values!, der.SET!)]),
  );
  if (found.size < pairs.length || !found.has(CONTENT_TYPE) || !found.has(MESSAGE_DIGEST)) {
    throw malformed("signed attributes are missing or doubled");
  }
  if (hex(only(found.get(CONTENT_TYPE)!).content) !== TST_INFO) throw malformed("the signature is over something else");
  return found;
}

/** ESSCertID holds a SHA-1 (RFC 2634), ESSCertIDv2 a SHA-256 unless it says otherwise (RFC 5816). */
function certificateDigest(found: Map<string, Element>): [string, Bytes] {
  const [newer, older] = [found.get(SIGNING_CERTIFICATE_V2), found.get(SIGNING_CERTIFICATE)];
  if (newer) {
    const [one, two] = firstCertificate(newer) as [Element, Element | undefined];
    if (one.tag !== der.SEQUENCE) return ["SHA-256", der.expect(one, der.OCTETS!).content];
    const hash = two && HASHES.get(oid(one));
    if (two && hash) return [hash, der.expect(two, der.OCTETS!).content];
  } else if (older) {
    return ["SHA-1", der.expect(firstCertificate(older)[0]!, der.OCTETS!).content];
  }
  throw malformed("no certificate is named in what is signed");
}

function firstCertificate(attribute: Element): Element[] {
  return der.sequence(der.sequence(der.sequence(only(attribute), 1)[0]!, 1)[0]!, 1);
}

function only(element: Element): Element {
  const found = der.parts(element);
  if (found.length !== 1) throw malformed("one value expected");
  return found[0]!;
}

const oid = (algorithm: Element): string => hex(der.expect(der.sequence(algorithm, 1)[0]!, der.OID!).content);

const digest = async (name: string, data: Bytes): Promise<Bytes> =>
  new Uint8Array(await crypto.subtle.digest(name, data));

const malformed = (message: string) => new Malformed("SCHEMA", `a time stamp: ${message}`);

