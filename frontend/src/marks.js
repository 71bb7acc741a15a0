// Lines that no test reached: a stripe, a sign beside the number, and words for those who cannot see either.
import { RangeSet, StateField } from "@codemirror/state";
import { Decoration, EditorView, GutterMarker, gutter } from "@codemirror/view";

const WORDS = "no test reaches this line";

class Uncovered extends GutterMarker {
  toDOM() {
    const sign = document.createElement("span");
    sign.textContent = "◌";
    sign.title = WORDS;
    return sign;
  }
}

const stripe = Decoration.line({ class: "cm-uncovered" });
const sign = new Uncovered();

function starts(doc, runs) {
  const lines = runs.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, index) => from + index));
  return lines.filter((line) => line >= 1 && line <= doc.lines).map((line) => doc.line(line).from);
}

// Marks move with the text while it is edited; they are about the text that was checked.
function field(runs, value, provide) {
  return StateField.define({
    create: (state) => RangeSet.of(starts(state.doc, runs).map((at) => value.range(at)), true),
    update: (marks, transaction) => marks.map(transaction.changes),
    provide,
  });
}

export function uncovered(runs) {
  if (!runs.length) return [];
  const lines = field(runs, stripe, (known) => EditorView.decorations.from(known));
  const signs = field(runs, sign);
  return [lines, signs, gutter({ class: "cm-uncovered-gutter", markers: (view) => view.state.field(signs) })];
}
