// From what an auditor has at hand, files and settings, to the question that the verifier answers.
import type { Bytes } from "./bytes.ts";
import type { Profile, Question } from "./dossier.ts";
import { remembered } from "./history.ts";
import * as trust from "./trust.ts";

/** Throws Malformed when the trust file or a remembered head is not one. */
export function question(trusted: Bytes | null, known: Bytes[], atMs: number, profile: Profile): Question {
  return { trust: trusted && trust.parse(trusted), known: known.map(remembered), atMs, profile };
}
