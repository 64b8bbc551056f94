import { acquire } from "../_shared/contexts/acquire.ts";
import { lossOf } from "../_shared/contexts/loss.ts";
import { pathKeyOf } from "../_shared/contexts/path_key.ts";
import { view } from "../_shared/contexts/view.ts";
import { acquireRequestSchema } from "../_shared/contract/acquire_context.ts";
import { endpoint } from "../_shared/http/endpoint.ts";
import { post } from "../_shared/http/post.ts";

export default endpoint("acquire-context", {
  POST: post(acquireRequestSchema, async (call, request) => {
    const acquired = await acquire(call, pathKeyOf(call.caller, request), {
      ttlSeconds: request.ttl_seconds,
      fromPathId: request.from_path_id,
      evict: request.evict !== undefined,
      isAsked: true,
    });
    const lost = await lossOf(call, acquired.context, request.expects);
    return view({ ...acquired, lost }, call.caller);
  }),
});
