import { serviceOnly } from "../_shared/caller.ts";
import { terminateRequestSchema } from "../_shared/contract.ts";
import { endpoint } from "../_shared/endpoint.ts";
import { SCHEDULED, sweep } from "../_shared/sweep.ts";
import { terminate } from "../_shared/terminate.ts";

export default endpoint("terminate-context", terminateRequestSchema, async (call, request) => {
  if (!("due" in request)) return { terminated: await terminate(call, request) };
  serviceOnly(call.caller);
  return await sweep(call, SCHEDULED);
});
