// Answers questions about bundles with the verifier of the browser, under Node.js: a question a line on standard input,
// `{"bundle", "trust"?, "known", "at", "profile"}` with paths of files; an answer a line, `{"exit", "report"}`.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

import { Malformed } from "../../frontend/verifier/malformed.ts";
import { question } from "../../frontend/verifier/question.ts";
import { verify } from "../../frontend/verifier/verifier.ts";

const bytes = (path) => new Uint8Array(readFileSync(path));

async function answer({ bundle, trust, known, at, profile }) {
  try {
    const asked = question(trust ? bytes(trust) : null, known.map(bytes), at, profile);
    const report = await verify(bytes(bundle), asked);
    return { exit: report.exit, report: Buffer.from(report.json()).toString() };
  } catch (error) {
    if (error instanceof Malformed) return { exit: 2, report: "" };
    throw error;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
}
