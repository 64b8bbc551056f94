import type { ContentBlock } from "@modelcontextprotocol/server";
import { Buffer } from "node:buffer";
import * as z from "zod/mini";
import type { OutputFile } from "../contract/execute_code.ts";
import { CHARACTERS_PER_TOKEN, withoutMiddle } from "../words/budget.ts";
import { fileField } from "./file_field.ts";
import { pathField } from "./path_field.ts";
import { answer, type Tool } from "./tool.ts";
import { MOST_TOKENS } from "./text_budget.ts";
import { transfer } from "./transfer.ts";

const input = z.strictObject({ file: fileField, path: pathField });

export const downloadFile: Tool<z.infer<typeof input>> = {
  name: "download_file",
  title: "Take a file out",
  description:
    "Returns a file of the session's working directory: pictures as such, text as text, what else there is " +
    "as bytes. Two megabytes at most; of a long text its beginning and its end, the rest by run_code.",
  annotations: { readOnlyHint: true, openWorldHint: false },
  input,
  run: async (toolCall, { file, path }) => {
    const { execution: { outputs: [output] }, stateNote } = await transfer(toolCall, { path, outputs: [file] });
    if (output.status === "ok") return answer([stateNote], contentOf(output));
    // With what it may be for: variables may have gone, and files with them.
    return { ...answer([stateNote, `${file} ${WHY[output.status]}.`]), isError: true };
  },
};

const WHY = {
  missing: "is not there",
  too_large: "is too large to be taken out",
  unavailable: "cannot be had now, or is no file",
} as const;

function contentOf({ media_type, content_base64, path }: Extract<OutputFile, { status: "ok" }>): ContentBlock {
  if (media_type.startsWith("image/") && media_type !== "image/svg+xml") {
    return { type: "image", mimeType: media_type, data: content_base64 };
  }
  const uri = `sandbox:///${path.split("/").map(encodeURIComponent).join("/")}`;
  const said = textOf(content_base64);
  if (said === undefined) return { type: "resource", resource: { uri, mimeType: media_type, blob: content_base64 } };
  const text = withoutMiddle(said, MOST_TOKENS * CHARACTERS_PER_TOKEN);
  return { type: "resource", resource: { uri, mimeType: media_type, text } };
}

/** The text of bytes that are one. */
function textOf(base64: string): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(base64, "base64"));
    return text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}
