import * as z from "zod/mini";
import { terminate } from "../contexts/terminate.ts";
import { pathField } from "./path_field.ts";
import { answer, type Tool } from "./tool.ts";

const input = z.strictObject({ path: pathField });

export const restart: Tool<z.infer<typeof input>> = {
  name: "restart",
  title: "Begin anew",
  description:
    "Ends the session: its variables, files and installed packages are gone, and what runs in it is stopped. " +
    "The next call begins with a new, empty one.",
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  input,
  run: async ({ call, session }, { path = session.pathId }) => {
    const ended = await terminate(call, { ...session.conversation, path_id: path });
    return answer([
      ended === 0 ? "There was no session: the next call begins with a new one." : "The session has ended.",
    ]);
  },
};
