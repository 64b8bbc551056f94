import * as z from "zod/mini";
import { FILES_BYTES } from "../contract/file.ts";
import { fileField } from "./file_field.ts";
import { pathField } from "./path_field.ts";
import { answer, type Tool } from "./tool.ts";
import { transfer } from "./transfer.ts";

const input = z.strictObject({
  file: fileField,
  content: z.optional(z.string().check(z.describe("What it holds, as text."))),
  content_base64: z.optional(z.string().check(z.describe("What it holds, in base64, where that is no text."))),
  path: pathField,
});

export const uploadFile: Tool<z.infer<typeof input>> = {
  name: "upload_file",
  title: "Put a file in",
  description: "Puts a file into the session's working directory, over one of the same name. " +
    `Give either content or content_base64, of ${FILES_BYTES} bytes at most.`,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  input,
  run: async (toolCall, { file, path, ...content }) => {
    const { stateNote } = await transfer(toolCall, { path, files: [{ path: file, ...content }] });
    return answer([stateNote, `${file} is there.`]);
  },
};
