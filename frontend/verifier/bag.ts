// The BagIt envelope (RFC 8493). Its four files follow from the payload alone, so they are derived again and compared.
import { utf8 } from "./bytes.ts";
import type { Files } from "./container.ts";
import { digests } from "./statement.ts";

type Digests = ReadonlyMap<string, string>;

const DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";
export const TAG_FILES = ["bag-info.txt", "bagit.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt"];

/** The tag files of a bag whose payload and extra tag files are `members`, with these digests. */
export async function tagFiles(members: Files, known: Digests): Promise<Files> {
  const payload: Files = new Map([...members].filter(([name]) => name.startsWith("data/")));
  const extra = [...members.keys()].filter((name) => !name.startsWith("data/"));
  const octets = [...payload.values()].reduce((sum, content) => sum + content.length, 0);
  const tags: Files = new Map([
    ["bagit.txt", utf8(DECLARATION)],
    ["bag-info.txt", utf8(`Bag-Software-Agent: interlock\nPayload-Oxum: ${octets}.${payload.size}\n`)],
    ["manifest-sha256.txt", manifest([...payload.keys()], known)],
  ]);
  const listed = new Map([...known, ...(await digests(tags))]);
  return tags.set("tagmanifest-sha256.txt", manifest([...extra, ...tags.keys()], listed));
}

function manifest(names: string[], known: Digests) {
  const lines = names.sort().map((name) => `${known.get(name)}  ${name}\n`);
  return utf8(lines.join(""));
}
