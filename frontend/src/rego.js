// Colours for Rego and JSON: enough to read by, decided token by token. The checks are the server's, with the real engine.
import { StreamLanguage } from "@codemirror/language";

const KEYWORDS = /^(?:as|contains|default|else|every|if|import|in|not|package|some|with)\b/;
const CONSTANTS = /^(?:true|false|null)\b/;

function ended(stream, quote) {
  while (!stream.eol()) {
    const letter = stream.next();
    if (letter === "\\" && quote === '"') stream.next();
    else if (letter === quote) return true;
  }
  return quote === '"'; // only a raw string goes on in the next line
}

function text(stream, state, quote) {
  state.raw = !ended(stream, quote);
  return "string";
}

function token(stream, state) {
  if (state.raw) return text(stream, state, "`");
  if (stream.eatSpace()) return null;
  if (stream.match(/^#.*/)) return "comment";
  if (stream.eat('"')) return text(stream, state, '"');
  if (stream.eat("`")) return text(stream, state, "`");
  if (stream.match(/^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/)) return "number";
  if (stream.match(KEYWORDS)) return "keyword";
  if (stream.match(CONSTANTS)) return "bool";
  if (stream.match(/^(?:input|data)\b/)) return "variableName.special";
  if (stream.match(/^[A-Za-z_]\w*(?=\()/)) return "variableName.function";
  if (stream.match(/^[A-Za-z_]\w*/)) return "variableName";
  stream.next();
  return null;
}

export const rego = StreamLanguage.define({
  name: "rego",
  startState: () => ({ raw: false }),
  token,
  languageData: { commentTokens: { line: "#" }, closeBrackets: { brackets: ["(", "[", "{", '"', "`"] } },
});
