import type { Sandbox } from "../sandbox/sandbox.ts";

const ENVD_VERSION = "0.6.4";

/** What opens a sandbox, for who made it or connects to it. */
export function access(sandbox: Sandbox) {
  return {
    ...identity(sandbox),
    // One without is not secured: its envd answers everybody.
    envdAccessToken: sandbox.envdAccessToken ?? undefined,
    trafficAccessToken: sandbox.trafficAccessToken,
  };
}

/** A sandbox as lists show it. */
export function listed(sandbox: Sandbox) {
  const { metadata, state, startedAt, endAt } = sandbox.record;
  return {
    ...identity(sandbox),
    state,
    metadata,
    startedAt,
    endAt,
    cpuCount: 1,
    memoryMB: 1024,
    diskSizeMB: 0,
    volumeMounts: [],
  };
}

/** All there is to say about a sandbox. */
export function detailed(sandbox: Sandbox) {
  const { egress, allowPublicTraffic, internetAccess, lifecycle } = sandbox.init;
  return {
    ...listed(sandbox),
    envdAccessToken: sandbox.envdAccessToken ?? undefined,
    allowInternetAccess: internetAccess,
    network: { allowOut: egress.allow, denyOut: egress.deny, allowPublicTraffic },
    lifecycle,
  };
}

function identity({ sandboxId, init }: Sandbox) {
  return {
    sandboxID: sandboxId,
    templateID: init.templateId,
    alias: init.templateId,
    clientID: "local",
    envdVersion: ENVD_VERSION,
    domain: null,
  };
}
