/** Files of a run: put into the sandbox's working directory before it, taken out after it. */
import { Buffer } from "node:buffer";
import { FileNotFoundError, InvalidArgumentError, NotEnoughSpaceError, TimeoutError } from "e2b";
import type { InputFile, OutputFile } from "../contract/execute_code.ts";
import { ContextError } from "../errors.ts";
import type { LiveSandbox } from "./live_sandbox.ts";
import { asSdkError } from "./provider_errors.ts";

/** Where the template's kernels work. */
const WORKING_DIRECTORY = "/home/user";
/** Time limit of putting all files, and of taking all, in milliseconds. */
export const TRANSFER_MILLISECONDS = 10_000;
/** Most bytes of one output, and of all together. */
const OUTPUT_BYTES = 2 * 1024 * 1024;
const OUTPUTS_BYTES = 4 * 1024 * 1024;

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
  try {
    await sandbox.files.write(
      files.map((file) => ({
        path: `${WORKING_DIRECTORY}/${file.path}`,
        data: file.content ?? new Blob([Buffer.from(file.content_base64 ?? "", "base64")]),
      })),
      { requestTimeoutMs: TRANSFER_MILLISECONDS },
    );
    return "put";
  } catch (thrown) {
    // The SDK's word for a 502 of the proxy. The next connect finds out whether the sandbox is there.
    if (thrown instanceof TimeoutError) return "gone";
    if (thrown instanceof InvalidArgumentError) {
      throw new ContextError("invalid_request", "files: a path is taken by a directory, or leads through a file.", {
        field: "files",
      });
    }
    if (thrown instanceof NotEnoughSpaceError) {
      throw new ContextError("invalid_request", "files: the sandbox has no room for them.", { field: "files" });
    }
    throw asSdkError(thrown);
  }
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
    left -= content.length;
    outputs.push({
      status: "ok",
      path,
      media_type: MEDIA_TYPES.get(path.slice(path.lastIndexOf(".") + 1).toLowerCase()) ?? "application/octet-stream",
      bytes: content.length,
      content_base64: content.toString("base64"),
    });
  }
  return outputs;
}

async function takeFile(
  sandbox: LiveSandbox,
  path: string,
  most: number,
  signal: AbortSignal,
): Promise<Buffer | "missing" | "too_large" | "unavailable"> {
  try {
    const stream = await sandbox.files.read(`${WORKING_DIRECTORY}/${path}`, {
      format: "stream",
      signal,
    });
    const chunks: Uint8Array[] = [];
    let size = 0;
    // Read piece by piece: the file may be larger than this function's memory.
    for await (const chunk of stream) {
      size += chunk.length;
      if (size > most) return "too_large";
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (thrown) {
    return thrown instanceof FileNotFoundError ? "missing" : "unavailable";
  }
}
