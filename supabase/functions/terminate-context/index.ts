import { serviceOnly } from "../_shared/caller.ts";
import { SCHEDULED, sweep } from "../_shared/contexts/sweep.ts";
import { terminate } from "../_shared/contexts/terminate.ts";
import { terminateRequestSchema } from "../_shared/contract/terminate_context.ts";
import { endpoint } from "../_shared/http/endpoint.ts";

export default endpoint("terminate-context", terminateRequestSchema, async (call, request) => {
  if (!("due" in request)) return { terminated: await terminate(call, request) };
  serviceOnly(call.caller);
  return await sweep(call, SCHEDULED);
});
