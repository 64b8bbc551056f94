/** The health as an answer: JSON for monitors, who go by its status, and metrics for Prometheus. */
import type { Health } from "../contract/health.ts";
import { preferred } from "./accept.ts";
import { healthMetrics } from "./health_metrics.ts";
import { metricsText } from "./metrics_text.ts";

/** JSON is 200 or 503; metrics are always 200, as a scrape that fails says nothing. */
export function healthResponse(health: Health, accept: string | null): Response {
  const headers = { "Cache-Control": "no-store", Vary: "Accept" };
  switch (preferred(accept, ["application/json", "application/openmetrics-text", "text/plain"])) {
    case "application/json":
      return Response.json(health, { status: health.is_healthy ? 200 : 503, headers });
    case "application/openmetrics-text":
      return new Response(metricsText(healthMetrics(health), "openmetrics"), {
        headers: { ...headers, "Content-Type": "application/openmetrics-text; version=1.0.0; charset=utf-8" },
      });
    case "text/plain":
      return new Response(metricsText(healthMetrics(health), "prometheus"), {
        headers: { ...headers, "Content-Type": "text/plain; version=0.0.4; charset=utf-8" },
      });
  }
}
