/** What the committed document says of requests and answers, as schemas that check them. */
import assert from "node:assert/strict";
import { z } from "zod";
import { DOCUMENT } from "./document.ts";

const contentSchema = z.object({
  content: z.record(z.string(), z.object({ schema: z.record(z.string(), z.unknown()) })),
});
const operationSchema = z.object({
  requestBody: contentSchema.optional(),
  responses: z.record(z.string(), contentSchema),
});
const documentSchema = z.object({
  paths: z.record(z.string(), z.record(z.string(), operationSchema)),
  components: z.object({ schemas: z.record(z.string(), z.unknown()) }),
});

const document = documentSchema.parse(JSON.parse(await Deno.readTextFile(DOCUMENT)));

/** Of an operation, such as `post /execute-code`. */
function operationOf(operation: string): z.infer<typeof operationSchema> {
  const [method, path] = operation.split(" ");
  const found = document.paths[path]?.[method];
  assert(found, `the document has no ${operation}`);
  return found;
}

/** Schemas of the document, as Zod reads them: with those that they name. */
function asZod(schema: object): z.ZodType {
  const whole = JSON.stringify({ ...schema, $defs: document.components.schemas });
  return z.fromJSONSchema(JSON.parse(whole.replaceAll("#/components/schemas/", "#/$defs/")));
}

/** Whether the document takes this for a request of the operation. */
export function takes(operation: string, body: unknown): boolean {
  const { requestBody } = operationOf(operation);
  assert(requestBody);
  return asZod(requestBody.content["application/json"].schema).safeParse(body).success;
}

/** Fails unless the document has such an answer of the operation. */
export function isDocumented(operation: string, status: number, mediaType: string, body: unknown): void {
  const answer = operationOf(operation).responses[status];
  assert(answer, `${operation}: the document has no ${status}`);
  const content = answer.content[mediaType];
  assert(content, `${operation}, ${status}: the document has no ${mediaType}`);
  const { error } = asZod(content.schema).safeParse(body);
  assert(!error, `${operation}, ${status}: ${JSON.stringify(body)}: ${error && z.prettifyError(error)}`);
}
