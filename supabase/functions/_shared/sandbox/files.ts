/** Files of a run: put into the sandbox's working directory before it, taken out after it. */
import { Buffer } from "node:buffer";
import type { OutputFile } from "../contract/execute_code.ts";
import type { InputFile } from "../contract/file.ts";
import { ContextError } from "../errors.ts";
import { GrowingBytes } from "../growing_bytes.ts";
import { SMALL_BYTES } from "../memory.ts";
import type { LiveSandbox } from "./live_sandbox.ts";
import { readPieces } from "./pieces.ts";
import { AccessRefused, asConnectionError, asProviderError } from "./provider_errors.ts";

/** Where the template's kernels work. */
const WORKING_DIRECTORY = "/home/user";
/** Time limit of putting all files, and of taking all, in milliseconds. */
export const TRANSFER_MILLISECONDS = 10_000;
/** Most bytes of one output, and of all together. */
export const OUTPUT_BYTES = 2 * 1024 * 1024;
export const OUTPUTS_BYTES = 4 * 1024 * 1024;

const MEDIA_TYPES = new Map(Object.entries({
  csv: "text/csv",
  gif: "image/gif",
  htm: "text/html",
  html: "text/html",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  json: "application/json",
  md: "text/markdown",
  mp3: "audio/mpeg",
  mp4: "video/mp4",
  parquet: "application/vnd.apache.parquet",
  pdf: "application/pdf",
  png: "image/png",
  svg: "image/svg+xml",
  tsv: "text/tab-separated-values",
  txt: "text/plain",
  webp: "image/webp",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  xml: "application/xml",
  zip: "application/zip",
}));

/**
 * Puts files into the sandbox, over those of the same name. Gone: the sandbox was not there.
 *
 * @throws ContextError
 */
export async function putFiles(sandbox: LiveSandbox, files: readonly InputFile[]): Promise<"put" | "gone"> {
  const uploads = files.map((file) => ({
    path: `${WORKING_DIRECTORY}/${file.path}`,
    content: blobOf(file),
  }));
  const response = await sandbox.writeFiles(uploads, AbortSignal.timeout(TRANSFER_MILLISECONDS)).catch((thrown) => {
    throw asConnectionError(thrown);
  });
  // What it says of them is what we know already.
  await response.body?.cancel();
  if (response.ok) return "put";
  switch (response.status) {
    case 400:
      throw new ContextError("invalid_request", "files: a path is taken by a directory, or leads through a file.", {
        field: "files",
      });
    case 507:
      throw new ContextError("invalid_request", "files: the sandbox has no room for them.", { field: "files" });
    case 502:
      // The proxy's word. The next connect finds out whether the sandbox is there.
      return "gone";
    case 401:
    case 403:
      throw new AccessRefused(response.status);
    case 429:
      throw asProviderError({ response });
    default:
      throw new ContextError("sandbox_unavailable", "The sandbox could not take the files. Try again.", {
        retryAfterSeconds: 2,
        cause: new Error(`the sandbox answered ${response.status}`),
      });
  }
}

function blobOf({ content, content_base64 = "" }: InputFile): Blob {
  if (content !== undefined) return new Blob([content]);
  const bytes = Buffer.from(content_base64, "base64");
  const blob = new Blob([bytes]);
  // The Blob has bytes of its own. Small ones may share a buffer with others.
  if (bytes.length > SMALL_BYTES && bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0);
  return blob;
}

/** Takes files out of the sandbox, while there is time to answer. What cannot be had is named, and never hides what the run came to. */
export async function takeFiles(
  sandbox: LiveSandbox,
  paths: readonly string[],
  answerBy: number,
): Promise<OutputFile[]> {
  const outputs: OutputFile[] = [];
  const time = Math.max(0, Math.min(TRANSFER_MILLISECONDS, answerBy - performance.now()));
  const signal = AbortSignal.timeout(time);
  let left = OUTPUTS_BYTES;
  for (const path of paths) {
    const content = await takeFile(sandbox, path, Math.min(left, OUTPUT_BYTES), signal);
    if (typeof content === "string") {
      outputs.push({ status: content, path });
      continue;
    }
    const { bytes, length } = content;
    left -= length;
    outputs.push({
      status: "ok",
      path,
      media_type: MEDIA_TYPES.get(path.slice(path.lastIndexOf(".") + 1).toLowerCase()) ?? "application/octet-stream",
      bytes: length,
      content_base64: Buffer.from(bytes.buffer, 0, length).toString("base64"),
    });
    content.cut(0);
  }
  return outputs;
}

async function takeFile(
  sandbox: LiveSandbox,
  path: string,
  most: number,
  signal: AbortSignal,
): Promise<GrowingBytes | "missing" | "too_large" | "unavailable"> {
  try {
    const response = await sandbox.readFile(`${WORKING_DIRECTORY}/${path}`, signal);
    if (!response.ok) {
      await response.body?.cancel();
      return response.status === 404 ? "missing" : "unavailable";
    }
    const content = new GrowingBytes();
    // Read piece by piece: the file may be larger than this function's memory.
    for await (const piece of response.body ? readPieces(response.body, signal) : []) {
      if (content.length + piece.length > most) return "too_large";
      content.append(piece, most);
    }
    return signal.aborted ? "unavailable" : content;
  } catch {
    return "unavailable";
  }
}
