// <textarea data-editor="rego|json"> becomes an editor; without this script it stays the field of a form that it is.
//   data-problems   [{line, column, code, message, hint}]   marked in the text, in the gutter and on hover
//   data-uncovered  [[from, to], …]                         lines that no test reached
// <a data-jump="id:line:column"> puts the caret there.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import {
  EditorView,
  drawSelection,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";

import { uncovered } from "./marks.js";
import { rego } from "./rego.js";

const nonce = document.currentScript?.nonce ?? "";
const views = new Map();

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--accent)" },
  { tag: tags.string, color: "var(--ok)" },
  { tag: [tags.number, tags.bool], color: "var(--warn)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: tags.special(tags.variableName), color: "var(--error)" },
]);

// the sizes stand in parts.css, with everything else that a page looks like
const look = EditorView.theme({
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "1px" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--muted)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--surface)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--accent) 30%, transparent)",
  },
  ".cm-tooltip, .cm-panels": { backgroundColor: "var(--bg)", color: "var(--text)", border: "1px solid var(--edge)" },
  ".cm-panels input, .cm-panels button": { font: "inherit", color: "inherit", background: "var(--bg)" },
  ".cm-matchingBracket": { backgroundColor: "transparent", outline: "1px solid var(--edge)" },
});

const listed = (text) => JSON.parse(text || "[]");

function position(doc, line, column) {
  const at = doc.line(Math.min(Math.max(line, 1), doc.lines));
  return Math.min(at.from + Math.max(column - 1, 0), at.to);
}

// From the place to the end of the word that begins there, or of the line.
function span(doc, { line, column }) {
  const from = position(doc, line, column);
  const rest = doc.lineAt(from).text.slice(from - doc.lineAt(from).from);
  const word = /^[\w.]+/.exec(rest)?.[0].length ?? Math.min(rest.length, 1);
  return { from, to: from + word };
}

function diagnostics(doc, problems) {
  return problems.map((problem) => ({
    ...span(doc, problem),
    severity: "error",
    source: problem.code,
    message: [problem.message, problem.hint].filter(Boolean).join("\n"),
  }));
}

function extensions(area) {
  const label = area.labels[0]?.textContent.trim() || area.name;
  const described = area.getAttribute("aria-describedby");
  return [
    EditorView.cspNonce.of(nonce),
    EditorView.contentAttributes.of({ "aria-label": label, ...(described && { "aria-describedby": described }) }),
    EditorState.readOnly.of(area.readOnly),
    EditorView.editable.of(!area.readOnly),
    indentUnit.of(area.dataset.editor === "rego" ? "\t" : "  "),
    EditorState.tabSize.of(4),
    lineNumbers(),
    uncovered(listed(area.dataset.uncovered)),
    highlightSpecialChars(),
    history(),
    drawSelection(),
    indentOnInput(),
    bracketMatching(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    lintGutter(),
    rego,
    syntaxHighlighting(colours),
    look,
    EditorView.updateListener.of((update) => update.docChanged && keep(area, update)),
    keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap, ...lintKeymap, indentWithTab]),
  ];
}

function keep(area, update) {
  area.value = update.state.doc.toString();
}

function edit(area) {
  const view = new EditorView({ doc: area.value, extensions: extensions(area) });
  view.dom.dataset.editorOf = area.id;
  area.before(view.dom);
  area.hidden = true;
  area.required = false;
  area.labels[0]?.addEventListener("click", () => view.focus());
  view.dispatch(setDiagnostics(view.state, diagnostics(view.state.doc, listed(area.dataset.problems))));
  views.set(area.id, view);
}

function jump(event) {
  const link = event.target.closest?.("[data-jump]");
  const [id, line, column] = link?.dataset.jump.split(":") ?? [];
  const view = views.get(id);
  if (!view) return;
  event.preventDefault();
  view.dom.closest("details")?.setAttribute("open", "");
  const anchor = position(view.state.doc, Number(line), Number(column));
  view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
  view.focus();
}

for (const area of document.querySelectorAll("textarea[data-editor]")) edit(area);
document.addEventListener("click", jump);
