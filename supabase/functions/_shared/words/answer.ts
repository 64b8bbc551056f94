/** What an execution came to, as a model reads it. */
import type { Execution } from "../contract/execute_code.ts";
import { CHARACTERS_PER_TOKEN, endOf, withoutMiddle } from "./budget.ts";
import { markdownTable } from "./table.ts";

export interface Image {
  readonly media_type: string;
  readonly base64: string;
}

export interface ToolAnswer {
  readonly text: string;
  readonly images: readonly Image[];
}

/** What an execution came to, and what is to be said of variables that are gone. */
export interface Outcome {
  readonly execution: Execution;
  readonly stateNote: string | null;
}

export interface Budget {
  /** Of the text. */
  readonly maxTokens: number;
  readonly maxImages: number;
}

const ENDINGS: Record<Execution["status"], string | null> = {
  ok: null,
  error: null,
  timed_out: "The code ran out of time and was stopped.",
  output_limit: "The code printed too much and was stopped.",
  cancelled: "The code was stopped by the user.",
  cut_off: "The code was stopped, because the service had to restart.",
};

const PICTURES = [["png", "image/png"], ["jpeg", "image/jpeg"]] as const;

/** Within the budget: what is lost and what went wrong whole or from its end, what was said with its head and tail. */
export function answerOf({ execution, stateNote }: Outcome, { maxTokens, maxImages }: Budget): ToolAnswer {
  const images: Image[] = [];
  const said = [execution.stdout.trimEnd()];
  for (const result of execution.results) {
    const image = pictureOf(result);
    if (image === null) said.push(textOf(result));
    else if (images.length < maxImages) images.push(image);
    else said.push("[a picture, left out]");
  }
  if (execution.stderr.trim() !== "") said.push(`stderr:\n${execution.stderr.trimEnd()}`);
  for (const output of execution.outputs) {
    const isPicture = output.status === "ok" && PICTURES.some(([, type]) => type === output.media_type);
    if (isPicture && images.length < maxImages) {
      images.push({ media_type: output.media_type, base64: output.content_base64 });
    }
    said.push(`File ${output.path}: ${output.status === "ok" ? `${output.bytes} bytes` : output.status}.`);
  }

  const most = maxTokens * CHARACTERS_PER_TOKEN;
  const ending = [errorOf(execution.error, most / 2), ENDINGS[execution.status], truncationOf(execution.truncated)];
  const must = [stateNote, ...ending].filter((part) => part !== null && part !== "");
  const room = most - must.reduce((sum, part) => sum + (part?.length ?? 0) + 2, 0);
  const output = withoutMiddle(said.filter((part) => part !== "").join("\n"), Math.max(0, room));
  const text = [stateNote, output, ...ending].filter((part) => part !== null && part !== "").join("\n\n");
  return { text: text === "" ? nothingSaid(images) : text, images };
}

function nothingSaid(images: readonly Image[]): string {
  return images.length === 0 ? "The code ran, and said nothing." : "The code showed what is in the picture.";
}

function pictureOf(result: Execution["results"][number]): Image | null {
  for (const [format, media_type] of PICTURES) {
    const base64 = result[format];
    if (typeof base64 === "string") return { media_type, base64: base64.trim() };
  }
  return null;
}

function textOf({ html, markdown, text, json }: Execution["results"][number]): string {
  const table = typeof html === "string" ? markdownTable(html) : null;
  if (table !== null) return table;
  if (typeof markdown === "string") return markdown;
  if (typeof text === "string") return text;
  return json === undefined ? "[shown in a form that is not text]" : JSON.stringify(json);
}

// deno-lint-ignore no-control-regex -- IPython colours its tracebacks
const COLOURS = /\x1b\[[\d;]*m/g;

/** A traceback as plain text. */
export function withoutColours(traceback: string): string {
  return traceback.replaceAll(COLOURS, "");
}

/** What was raised, with the end of the traceback: there is the line that raised it. */
function errorOf(error: Execution["error"], most: number): string | null {
  if (error === null) return null;
  const traceback = withoutColours(error.traceback).trimEnd();
  const what = `${error.name}: ${error.value}`;
  // Every kernel's traceback but JavaScript's ends with what was raised.
  return endOf(traceback.includes(what) ? traceback : `${traceback}\n${what}`, most);
}

function truncationOf(truncated: Execution["truncated"]): string | null {
  if (truncated === null) return null;
  const { stdout, stderr, results } = truncated;
  const parts = [
    ...(stdout + stderr > 0 ? [`${stdout + stderr} characters of output`] : []),
    ...(results > 0 ? [`${results} results`] : []),
  ];
  return parts.length === 0 ? null : `Left out: ${parts.join(" and ")}. Print less, or write to a file.`;
}
