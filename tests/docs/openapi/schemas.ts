/** The schemas of the document: those of the contract, and of its answers, under the names that they have there. */
import * as z from "zod";
import { acquireRequestSchema } from "../../../supabase/functions/_shared/contract/acquire_context.ts";
import { executeRequestSchema, executionSchema } from "../../../supabase/functions/_shared/contract/execute_code.ts";
import { filePathSchema, FILES_BYTES, fileSchema } from "../../../supabase/functions/_shared/contract/file.ts";
import { idSchema } from "../../../supabase/functions/_shared/contract/path.ts";
import { lossSchema } from "../../../supabase/functions/_shared/contract/state.ts";
import {
  scopeSchema,
  stopSchema,
  sweepSchema,
} from "../../../supabase/functions/_shared/contract/terminate_context.ts";
import * as answers from "./answers.ts";

/** Longest id, in characters: the contract counts them in code, which no schema of JSON can say. */
export const ID_CHARACTERS = 255;

/** With what a schema of JSON does not say of them. */
const named = z.registry<{ id: string; description?: string }>();
const name = (schema: z.core.$ZodType, id: string, description?: string) => named.add(schema, { id, description });

name(idSchema, "Id", "The application's own: at most 255 characters, and 765 bytes of UTF-8, without NUL.");
name(filePathSchema, "FilePath", "From the working directory, which it cannot leave; at most 1,024 bytes of UTF-8.");
name(
  fileSchema,
  "InputFile",
  `Either content or content_base64; at most ${FILES_BYTES} bytes, all of a request together.`,
);
name(acquireRequestSchema, "AcquireRequest");
name(
  executeRequestSchema,
  "ExecuteRequest",
  "code: at most 102,400 bytes of UTF-8. A variable of envs: at most 32,768.",
);
name(
  scopeSchema,
  "TerminateRequest",
  "Ends contexts: all, or conversation_id, with or without path_id, or context_id.",
);
name(
  stopSchema,
  "StopRequest",
  "One of execution_id, idempotency_key and executions: stops executions, and ends no context.",
);
name(sweepSchema, "SweepRequest", "For services: a sweep.");
name(answers.contextSchema, "Context", "sandbox_id: for services only. Times are ISO 8601.");
name(lossSchema, "Loss", "How the variables were lost that the request expects; nulls: nobody knows any more.");
name(answers.previousSchema, "Previous", "How variables were lost on the path before.");
name(answers.acquireResponseSchema, "AcquireResponse");
name(answers.executionContextSchema, "ExecutionContext", "Where an execution runs.");
name(
  executionSchema,
  "Execution",
  "A result has, beside is_main_result, each format that the kernel gave: text, html, png …",
);
name(answers.executeResponseSchema, "ExecuteResponse");
name(
  answers.eventSchema,
  "ExecutionEvent",
  "Of a stream: the field `event` names it, the field `data` has the JSON of `data`.",
);
name(
  answers.errorSchema,
  "Error",
  "retryable: the same request may be sent again, after retry_after_seconds where there are any.",
);
name(answers.terminateResponseSchema, "TerminateResponse", "How many contexts have been ended.");
name(answers.stopResponseSchema, "StopResponse", "How many executions are being stopped.");
name(answers.sweepResponseSchema, "SweepResponse", "What a sweep did.");
name(answers.healthSchema, "Health", "Whether all is well. Times are ISO 8601, of the database's clock.");

type Json = Record<string, unknown>;

/** By name, as they stand under `components`. */
export function schemas(): Record<string, Json> {
  const { schemas } = z.toJSONSchema(named, {
    // What stands behind a pipe is what is asked for: what is before it only counts.
    io: "output",
    metadata: named,
    uri: (id) => `#/components/schemas/${id}`,
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema === idSchema) Object.assign(jsonSchema, { minLength: 1, maxLength: ID_CHARACTERS });
      // The bounds of what JavaScript takes for an integer say nothing.
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      const { def } = zodSchema._zod;
      // Requests are strict. Answers may get more fields.
      if (def.type === "object" && (!("catchall" in def) || def.catchall === undefined)) {
        delete jsonSchema.additionalProperties;
      }
    },
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _schema, $id: _id, ...schema }]) => [id, asAsked(id, schema)]),
  );
}

/** A request need not have what has a default. */
function asAsked(id: string, schema: z.core.JSONSchema.BaseSchema): Json {
  if (!id.endsWith("Request")) return schema;
  const { properties = {}, required = [] } = schema;
  const hasDefault = (field: string) => {
    const property = properties[field];
    return typeof property === "object" && "default" in property;
  };
  return { ...schema, required: required.filter((field) => !hasDefault(field)) };
}
