// DSSE envelopes, v1.0, read strictly. The bytes that were verified are the bytes that are parsed. The keyid only
// finds a key; it proves nothing.
import { type Bytes, joined, unb64, utf8 } from "./bytes.ts";
import { hasExactly, type Json, loadsObject } from "./json.ts";
import { Malformed } from "./malformed.ts";
import { signatureHolds } from "./signatures.ts";

const MAX_SIGNATURES = 64;

export interface Envelope {
  payloadType: string;
  payload: Bytes;
  signatures: [kid: string, signature: Bytes][];
}

/** Read an envelope of one payload type; throws Malformed. */
export function parse(data: Bytes, payloadType: string): Envelope {
  const members = loadsObject(data);
  if (!hasExactly(members, ["payload", "payloadType", "signatures"]) || members.get("payloadType") !== payloadType) {
    throw new Malformed("DSSE-FORMAT", `not an envelope of ${payloadType}`);
  }
  const signatures = members.get("signatures");
  if (!Array.isArray(signatures) || signatures.length < 1 || signatures.length > MAX_SIGNATURES) {
    throw new Malformed("DSSE-FORMAT", `between 1 and ${MAX_SIGNATURES} signatures expected`);
  }
  const payload = unb64(members.get("payload"), "DSSE-FORMAT");
  return { payloadType, payload, signatures: signatures.map(signatureOf) };
}

export function holds(envelope: Envelope, key: Bytes, signature: Bytes): Promise<boolean> {
  return signatureHolds(key, signature, encoding(envelope));
}

/** The pre-authentication encoding: what is signed. */
function encoding({ payloadType, payload }: Envelope): Bytes {
  const kind = utf8(payloadType);
  return joined(utf8(`DSSEv1 ${kind.length} `), kind, utf8(` ${payload.length} `), payload);
}

function signatureOf(item: Json): [string, Bytes] {
  const kid = item instanceof Map ? item.get("keyid") : undefined;
  if (!(item instanceof Map) || !hasExactly(item, ["keyid", "sig"]) || typeof kid !== "string") {
    throw new Malformed("DSSE-FORMAT", "not a signature");
  }
  return [kid, unb64(item.get("sig"), "DSSE-FORMAT")];
}
