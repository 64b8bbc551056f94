import * as z from "zod/mini";
import { filePathSchema } from "../contract/file.ts";

/** The argument by which a model names a file. */
export const fileField = filePathSchema.check(
  z.describe("The file's path, from the working directory, such as data/sales.csv."),
);
