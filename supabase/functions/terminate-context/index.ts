import { serviceOnly } from "../_shared/caller.ts";
import { health } from "../_shared/contexts/health.ts";
import { SCHEDULED, sweep } from "../_shared/contexts/sweep.ts";
import { terminate } from "../_shared/contexts/terminate.ts";
import { terminateRequestSchema } from "../_shared/contract/terminate_context.ts";
import { stop } from "../_shared/executions/stop.ts";
import { endpoint } from "../_shared/http/endpoint.ts";
import { get } from "../_shared/http/get.ts";
import { healthResponse } from "../_shared/http/health_response.ts";
import { post } from "../_shared/http/post.ts";

export default endpoint("terminate-context", {
  GET: get(health, healthResponse),
  POST: post(terminateRequestSchema, async (call, body) => {
    switch (body.ends) {
      case "contexts":
        return { terminated: await terminate(call, body.request) };
      case "executions":
        return { cancelled: await stop(call, body.request) };
      case "what_is_due":
        serviceOnly(call.caller);
        return await sweep(call, SCHEDULED);
    }
  }),
});
