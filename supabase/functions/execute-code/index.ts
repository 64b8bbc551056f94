import { endpoint } from "../_shared/endpoint.ts";
import { execute } from "../_shared/execute.ts";
import { endOf, executeRequestSchema } from "../_shared/execution.ts";

export default endpoint("execute-code", executeRequestSchema, execute, endOf);
