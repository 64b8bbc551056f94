import { acquire } from "../_shared/acquire.ts";
import { pathKeyOf } from "../_shared/caller.ts";
import { acquireRequestSchema } from "../_shared/contract.ts";
import { endpoint } from "../_shared/endpoint.ts";
import { view } from "../_shared/view.ts";

export default endpoint("acquire-context", acquireRequestSchema, async (call, request) => {
  const key = pathKeyOf(call.caller, request);
  return view(await acquire(call, key, { ttlSeconds: request.ttl_seconds, holdSeconds: 0 }), call.caller);
});
