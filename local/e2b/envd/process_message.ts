/** What clients send to envd's service `process.Process`: protobuf's JSON, which leaves out what is empty. */

import { z } from "zod";

const bytes = z.base64().transform((text) => Uint8Array.fromBase64(text));

export const processSelector = z.union([
  z.object({ pid: z.int().nonnegative() }),
  z.object({ tag: z.string() }),
]);

export const startMessage = z.object({
  process: z.object({
    cmd: z.string().min(1),
    args: z.array(z.string()).default([]),
    envs: z.record(z.string(), z.string()).default({}),
    cwd: z.string().optional(),
  }),
  pty: z.object({}).optional(),
  tag: z.string().optional(),
  stdin: z.boolean().optional(),
});

export const selectMessage = z.object({ process: processSelector });

export const inputMessage = z.object({
  process: processSelector,
  input: z.union([z.object({ stdin: bytes }), z.object({ pty: bytes })]),
});

export const signalMessage = z.object({
  process: processSelector,
  signal: z.union([z.string(), z.int()]).default("SIGNAL_UNSPECIFIED"),
});
