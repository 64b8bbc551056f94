import { withOAuthProtectedResource } from "@supabase/server";
import { endpoint } from "../_shared/http/endpoint.ts";
import { HEADERS } from "../_shared/mcp/headers.ts";
import { endSession } from "../_shared/mcp/session.ts";
import { serve } from "../_shared/mcp/serve.ts";

const { fetch } = endpoint("mcp", { POST: serve, DELETE: endSession }, HEADERS);

// Whoever is refused is told where to sign in (RFC 9728, as MCP's authorization asks for).
export default { fetch: withOAuthProtectedResource(fetch) };
