/** The headers of MCP over HTTP (modelcontextprotocol.io/specification, "Transports"). */
import type { EndpointOptions } from "../http/endpoint.ts";

/** Names the session, in the protocol's revisions of 2025; later ones have none. */
export const SESSION_ID = "Mcp-Session-Id";

/** For agents in browsers. */
export const HEADERS: EndpointOptions = {
  asked: [SESSION_ID, "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name", "Last-Event-Id"],
  told: [SESSION_ID, "WWW-Authenticate"],
};
