import * as z from "zod/mini";
import { idSchema } from "../contract/path.ts";

/** The argument by which a model says on which path a tool works. */
export const pathField = z.optional(
  idSchema.check(
    z.describe(
      "The branch of the conversation: each has variables and files of its own. Leave it out for the main one.",
    ),
  ),
);
