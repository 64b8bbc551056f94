import type { ContentBlock } from "@modelcontextprotocol/server";
import { Buffer } from "node:buffer";
import * as z from "zod/mini";
import type { OutputFile } from "../contract/execute_code.ts";
import { ContextError } from "../errors.ts";
import { fileField } from "./file_field.ts";
import { pathField } from "./path_field.ts";
import { text, type Tool } from "./tool.ts";
import { transfer } from "./transfer.ts";

const input = z.object({ file: fileField, path: pathField });

export const downloadFile: Tool<z.infer<typeof input>> = {
  name: "download_file",
  title: "Take a file out",
  description:
    "Returns a file of the session's working directory: pictures as such, text as text, what else there is " +
    "as bytes. Two megabytes at most.",
  annotations: { readOnlyHint: true, openWorldHint: false },
  input,
  run: async (toolCall, { file, path }) => {
    const { execution: { outputs: [output] }, stateNote } = await transfer(toolCall, { path, outputs: [file] });
    return [...(stateNote === null ? [] : [text(stateNote)]), contentOf(output)];
  },
};

const WHY = {
  missing: "is not there",
  too_large: "is too large to be taken out",
  unavailable: "cannot be had now, or is no file",
} as const;

function contentOf(output: OutputFile): ContentBlock {
  if (output.status !== "ok") {
    throw new ContextError("invalid_request", `${output.path} ${WHY[output.status]}.`, { field: "file" });
  }
  const { media_type: mimeType, content_base64, path } = output;
  if (mimeType.startsWith("image/") && mimeType !== "image/svg+xml") {
    return { type: "image", mimeType, data: content_base64 };
  }
  const uri = `sandbox:///${path.split("/").map(encodeURIComponent).join("/")}`;
  const said = textOf(content_base64);
  return said === undefined
    ? { type: "resource", resource: { uri, mimeType, blob: content_base64 } }
    : { type: "resource", resource: { uri, mimeType, text: said } };
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
