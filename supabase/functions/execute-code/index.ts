import { executeRequestSchema } from "../_shared/contract.ts";
import { endpoint } from "../_shared/endpoint.ts";
import { execute } from "../_shared/execute.ts";
import { view } from "../_shared/view.ts";

export default endpoint(
  "execute-code",
  executeRequestSchema,
  async (call, request) => {
    const executed = await execute(call, request);
    return { ...view(executed, call.caller), execution: executed.execution };
  },
);
