import { isIP } from "node:net";
import { z } from "zod";
import { HttpError, readBody } from "../http.ts";
import type { Lifecycle } from "../sandbox/sandbox.ts";
import { BODY_LIMIT, type ControlPlane, type Handler } from "./control_plane.ts";
import { access } from "./description.ts";
import { requirePauses } from "./pause.ts";
import { referenceOf } from "./snapshots.ts";
import { timeoutMs, timeoutSchema, type Version } from "./timeout.ts";
import { unsupported } from "./unsupported.ts";

const ALL_TRAFFIC = "0.0.0.0/0";

const strings = z.record(z.string(), z.string()).nullish().transform((given) => given ?? {});
/** An address, or a block of them. */
const isAddress = (text: string) => isIP(text.replace(/\/\d+$/, "")) !== 0;

const networkSchema = z.strictObject({
  allowPublicTraffic: z.boolean().default(true),
  allowOut: z.array(z.string()).default([]),
  denyOut: z.array(z.string().refine(isAddress, "neither an address nor a block of them")).optional(),
  egressProxy: z.unknown().optional(),
  rules: z.unknown().optional(),
  maskRequestHost: z.unknown().optional(),
  httpsPorts: z.unknown().optional(),
}).refine(
  ({ allowOut, denyOut }) => allowOut.every(isAddress) || denyOut?.includes(ALL_TRAFFIC),
  { path: ["allowOut"], message: `host names need ${ALL_TRAFFIC} in denyOut` },
);

// What is not in it is refused: to ignore it would be to say that it is honoured.
const createSchema = z.strictObject({
  templateID: z.string().min(1),
  metadata: strings,
  envVars: strings,
  timeout: timeoutSchema,
  secure: z.boolean().nullish(),
  allow_internet_access: z.boolean().nullish(),
  network: networkSchema.nullish(),
  autoPause: z.boolean().nullish(),
  autoPauseMemory: z.boolean().nullish(),
  autoResume: z.strictObject({ enabled: z.boolean() }).nullish(),
  mcp: z.unknown().optional(),
  iam: z.unknown().optional(),
  volumeMounts: z.unknown().optional(),
});

type Body = z.infer<typeof createSchema>;

/** `POST /sandboxes`; version 2 always secures what it makes, version 1 if it is asked to. */
export const create = (version: Version): Handler => async (request, plane) => {
  const body = await readBody(request, createSchema, BODY_LIMIT);
  refuseUnsupported(body);
  const lifecycle = lifecycleOf(body);
  if (lifecycle.onTimeout === "pause") requirePauses(plane, "autoPause");
  const snapshot = plane.templates.includes(body.templateID)
    ? null
    : plane.snapshots.find(referenceOf(body.templateID));
  if (snapshot === null) requireTemplate(body.templateID, plane);
  const init = {
    templateId: snapshot?.templateId ?? body.templateID,
    metadata: body.metadata,
    // What runs in a snapshot has those of its sandbox already.
    environment: { ...snapshot?.checkpoint.init.environment, ...body.envVars },
    isSecured: isSecured(body, version),
    allowPublicTraffic: body.network?.allowPublicTraffic ?? true,
    internetAccess: body.allow_internet_access ?? null,
    egress: {
      allow: body.network?.allowOut ?? [],
      deny: body.network?.denyOut ?? (body.allow_internet_access === false ? [ALL_TRAFFIC] : []),
    },
    lifecycle,
    timeoutMs: timeoutMs(body.timeout, version),
  };
  const sandbox = snapshot === null
    ? plane.sandboxes.create(init)
    : plane.sandboxes.createFrom(snapshot.checkpoint, init);
  return Response.json(access(sandbox), { status: 201 });
};

/** What would be missed only later, and then without a word. */
function refuseUnsupported({ mcp, iam, volumeMounts, network }: Body): void {
  const noNetwork = "a local sandbox has no network";
  const noPorts = "no port that code opens in a local sandbox can be reached";
  const wishes: [wish: unknown, name: string, why: string][] = [
    [mcp, "mcp", "a local sandbox has no MCP gateway"],
    [iam, "iam", `${noNetwork} to use a workload's token in`],
    [volumeMounts, "volumeMounts", "there are no volumes"],
    [network?.egressProxy, "network.egressProxy", `${noNetwork} to reach a proxy by`],
    [network?.rules, "network.rules", `${noNetwork}, so there are no requests to transform`],
    [network?.maskRequestHost, "network.maskRequestHost", noPorts],
    [network?.httpsPorts, "network.httpsPorts", noPorts],
  ];
  for (const [wish, name, why] of wishes) if (!isEmpty(wish)) throw unsupported(name, why);
}

/** SDKs send empty objects and lists for what nobody asked for. */
function isEmpty(wish: unknown): boolean {
  return wish === undefined || wish === null || (typeof wish === "object" && Object.keys(wish).length === 0);
}

function requireTemplate(id: string, { templates }: ControlPlane): void {
  if (templates.includes(id)) return;
  // E2B's words, and what helps here.
  const known = templates.join(", ");
  const message = `template '${id}' not found: the local sandbox server has ${known}; --template NAME adds one`;
  throw new HttpError(404, message);
}

function isSecured({ secure, network }: Body, version: Version): boolean {
  if (version === "v2" && secure === false) {
    throw new HttpError(400, "secure: a sandbox of version 2 is always secured; POST /sandboxes makes others");
  }
  const secured = version === "v2" || secure === true;
  if (!secured && network?.allowPublicTraffic === false) {
    throw new HttpError(
      400,
      "network.allowPublicTraffic: only a sandbox with secure: true can be closed to the public",
    );
  }
  return secured;
}

function lifecycleOf({ autoPause, autoPauseMemory, autoResume }: Body): Lifecycle {
  if (autoPauseMemory === false && !autoPause) {
    throw new HttpError(400, "autoPauseMemory: false is for sandboxes with autoPause: true");
  }
  if (autoPauseMemory === false && autoResume?.enabled) {
    throw new HttpError(400, "autoResume: a sandbox that is paused without its memory is resumed by connect alone");
  }
  if (autoPauseMemory === false) {
    throw unsupported("autoPauseMemory: false", "the processes of a paused sandbox are stopped as they are");
  }
  return {
    onTimeout: autoPause ? "pause" : "kill",
    autoResume: autoResume?.enabled ?? false,
  };
}
