import { endOf, executeRequestSchema } from "../_shared/contract/execute_code.ts";
import { execute } from "../_shared/executions/execute.ts";
import { endpoint } from "../_shared/http/endpoint.ts";
import { post } from "../_shared/http/post.ts";

export default endpoint("execute-code", { POST: post(executeRequestSchema, execute, endOf) });
