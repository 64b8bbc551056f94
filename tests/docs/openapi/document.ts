/** docs/openapi.json: the functions for machines, made of their contract. */
import { type ErrorCode } from "../../../supabase/functions/_shared/errors.ts";
import { byStatus, ERRORS } from "./errors.ts";
import { schemas } from "./schemas.ts";

export const DOCUMENT = new URL("../../../docs/openapi.json", import.meta.url);

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: object) => ({ "application/json": { schema } });
const anyOf = (...names: string[]) => ({ anyOf: names.map(ref) });

/** The document, as it is committed. */
export function openApi(): string {
  return `${JSON.stringify(document(), null, 2)}\n`;
}

function document() {
  return {
    openapi: "3.1.0",
    info: {
      title: "Execution contexts",
      version: "1",
      summary: "One live sandbox for every conversation path, and code in it",
      description:
        "What each field means is in docs/api.md. The function mcp speaks the Model Context Protocol: see docs/mcp.md.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [
      {
        url: "https://{ref}.supabase.co/functions/v1",
        variables: { ref: { default: "project", description: "Of the project" } },
      },
      { url: "http://127.0.0.1:54321/functions/v1", description: "The local stack" },
    ],
    security: [{ user: [] }, { service: [] }],
    paths: {
      "/acquire-context": {
        post: {
          operationId: "acquireContext",
          summary: "Have the path's sandbox ready",
          requestBody: { required: true, content: json(ref("AcquireRequest")) },
          responses: {
            "200": answer("The context", json(ref("AcquireResponse"))),
            ...errors(ERRORS["acquire-context"]),
          },
        },
      },
      "/execute-code": {
        post: {
          operationId: "executeCode",
          summary: "Run code on the path",
          requestBody: { required: true, content: json(ref("ExecuteRequest")) },
          responses: {
            "200": answer("What came of it; as a stream to those who accept one", {
              ...json(ref("ExecuteResponse")),
              "text/event-stream": { schema: ref("ExecutionEvent") },
            }),
            ...errors(ERRORS["execute-code"]),
          },
        },
      },
      "/terminate-context": {
        post: {
          operationId: "terminateContext",
          summary: "End contexts, stop executions, or, as a service, sweep",
          requestBody: { required: true, content: json(anyOf("TerminateRequest", "StopRequest", "SweepRequest")) },
          responses: {
            "200": answer("What was done", json(anyOf("TerminateResponse", "StopResponse", "SweepResponse"))),
            ...errors(ERRORS["terminate-context"]),
          },
        },
        get: {
          operationId: "health",
          summary: "How it stands, for services",
          security: [{ service: [] }],
          responses: {
            "200": answer("All is well; or metrics, well or not", {
              ...json(ref("Health")),
              "text/plain": { schema: { type: "string" } },
              "application/openmetrics-text": { schema: { type: "string" } },
            }),
            ...errors(ERRORS["GET terminate-context"]),
            "503": answer("Not all is well, or database_unavailable", json(anyOf("Health", "Error"))),
          },
        },
      },
    },
    components: {
      securitySchemes: {
        user: { type: "http", scheme: "bearer", bearerFormat: "JWT", description: "Of a signed-in user" },
        service: { type: "apiKey", in: "header", name: "apikey", description: "A secret key of the project" },
      },
      headers: {
        RequestId: { schema: { type: "string" }, description: "By this the function's log knows the request" },
      },
      schemas: schemas(),
    },
  };
}

function answer(description: string, content: object) {
  return { description, headers: { "X-Request-Id": { $ref: "#/components/headers/RequestId" } }, content };
}

/** Whoever is refused at the door is told one of @supabase/server's own codes. */
function errors(codes: readonly ErrorCode[]) {
  const door = ["401", answer("No or wrong credentials", json(ref("Error")))];
  const ours = byStatus(codes).map(([status, codes]) => [
    status,
    answer(codes.join(", "), json({ allOf: [ref("Error"), { properties: { code: { enum: codes } } }] })),
  ]);
  return Object.fromEntries([door, ...ours]);
}
