import { acquire } from "../_shared/contexts/acquire.ts";
import { pathKeyOf } from "../_shared/contexts/path_key.ts";
import { view } from "../_shared/contexts/view.ts";
import { acquireRequestSchema } from "../_shared/contract/acquire_context.ts";
import { endpoint } from "../_shared/http/endpoint.ts";

export default endpoint("acquire-context", acquireRequestSchema, async (call, request) => {
  const key = pathKeyOf(call.caller, request);
  return view(await acquire(call, key, { ttlSeconds: request.ttl_seconds }), call.caller);
});
