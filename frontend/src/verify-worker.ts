// The side of the verify page that judges. It runs in a worker: a long bundle does not keep the page from answering, and
// whoever has waited enough ends it.
import { MAX_BYTES } from "../verifier/container.ts";
import type { Profile } from "../verifier/dossier.ts";
import { Malformed } from "../verifier/malformed.ts";
import { question } from "../verifier/question.ts";
import { verify } from "../verifier/verifier.ts";

/** What an auditor has at hand, unread. */
export interface Asked {
  bundle: File;
  trust: File | null;
  known: File[];
  atMs: number;
  profile: Profile;
}

/** How far it is (0 to 1), in the end the report as JSON, or why there is none. */
export type Said = { share: number } | { report: Uint8Array } | { refusal: Refusal };

/** `where` is empty where no file is to blame; `tooOld` where this browser lacks the means. */
export interface Refusal {
  where: string;
  message: string;
  tooOld: boolean;
}

export function serve(): void {
  addEventListener("message", async ({ data }: MessageEvent<Asked>) => {
    try {
      tell({ report: await judged(data) });
    } catch (error) {
      tell({ refusal: refusal(error) });
    }
  });
}

export function refusal(error: unknown): Refusal {
  if (error instanceof Malformed) return { where: error.where, message: error.message, tooOld: false };
  const tooOld = error instanceof DOMException && error.name === "NotSupportedError";
  return { where: "", message: String(error), tooOld };
}

async function judged({ bundle, trust, known, atMs, profile }: Asked): Promise<Uint8Array> {
  const remembered = await Promise.all(known.map(bytes));
  const asked = question(trust && (await bytes(trust)), remembered, atMs, profile);
  const report = await verify(await bytes(bundle), asked, (share) => tell({ share }));
  return report.json();
}

async function bytes(file: File): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await file.slice(0, MAX_BYTES + 1).arrayBuffer());
}

const tell = (said: Said): void => postMessage(said);
