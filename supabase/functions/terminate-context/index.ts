import { terminateRequestSchema } from "../_shared/contract.ts";
import { endpoint } from "../_shared/endpoint.ts";
import { terminate } from "../_shared/terminate.ts";

export default endpoint(
  "terminate-context",
  terminateRequestSchema,
  async (call, request) => ({ terminated: await terminate(call, request) }),
);
