/** A cell's editor: CodeMirror, with Python's colours and names. */
import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  type CompletionContext,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";

/** By the style sheet's variables, which know light and dark. */
const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--code-keyword)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: tags.comment, color: "var(--quiet)", fontStyle: "italic" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--code-number)" },
  {
    tag: [tags.function(tags.variableName), tags.function(tags.definition(tags.variableName))],
    color: "var(--code-name)",
  },
  { tag: tags.className, color: "var(--code-name)" },
]);

export interface EditorOptions {
  readonly code: string;
  readonly label: string;
  readonly onChange: (code: string) => void;
  /** Shift-Enter, and Control-Enter. */
  readonly onRun: () => void;
  /** Names that other cells define. */
  readonly names: () => readonly string[];
}

export function createEditor(parent: HTMLElement, { code, label, onChange, onRun, names }: EditorOptions): EditorView {
  const run = () => {
    onRun();
    return true;
  };
  const language = python();
  const defined = (context: CompletionContext) => {
    const word = context.matchBefore(/\w+/);
    if (word === null) return null;
    return { from: word.from, options: names().map((name) => ({ label: name, type: "variable" })) };
  };
  return new EditorView({
    parent,
    state: EditorState.create({
      doc: code,
      extensions: [
        // Before Enter's own meaning. Tab goes on to the next control, as elsewhere on a page.
        keymap.of([{ key: "Shift-Enter", run }, { key: "Mod-Enter", run }]),
        keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
        history(),
        indentUnit.of("    "),
        indentOnInput(),
        bracketMatching(),
        closeBrackets(),
        autocompletion({ icons: false }),
        language,
        language.language.data.of({ autocomplete: defined }),
        syntaxHighlighting(colours),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": label }),
        EditorView.updateListener.of((update) => update.docChanged && onChange(update.state.doc.toString())),
      ],
    }),
  });
}

/** What a cell's code defines: names that are assigned, imported, or given to functions, classes and loops. */
export function namesIn(code: string): string[] {
  const found = code.matchAll(
    /^\s*(?:(?:async )?def|class|for|import) +(\w+)|\bas +(\w+)|^\s*(\w+) *=(?!=)|^\s*from +\S+ +import +(\w+)/gm,
  );
  return [...new Set(Array.from(found, (match) => match.slice(1).find((name) => name !== undefined) ?? ""))];
}
