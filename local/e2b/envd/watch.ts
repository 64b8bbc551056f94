import { z } from "zod";
import { clientPathOf } from "../machine/file_path.ts";
import { type Change, type Entry, FileError, type Files } from "../machine/files.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { ConnectError } from "./connect_error.ts";
import { readMessage, streamResponse } from "./connect_stream.ts";
import { entryInfo } from "./entry_info.ts";
import type { User } from "./user.ts";

const BODY_LIMIT = 64 * 1024;
/** Most changes that are kept for a client who does not hear of them. */
export const CHANGE_LIMIT = 10_000;
/** In seconds, for clients that do not say. */
const KEEPALIVE_S = 90;

/** What to watch. No folder is on a network, so `allowNetworkMounts` allows nothing more. */
export const watchSchema = ({ home }: User) =>
  z.object({
    path: clientPathOf(home),
    recursive: z.boolean().default(false),
    includeEntry: z.boolean().default(false),
    allowNetworkMounts: z.boolean().default(false),
  });

export type Watch = z.infer<ReturnType<typeof watchSchema>>;

type Occurrence = "start" | "keepalive" | Change;

/** `WatchDir`: says that it has started, then what changes, and in between that it is there. */
export function watchDirectory(request: Request, sandbox: Sandbox, user: User): Response {
  const { files } = sandbox.machine;
  return streamResponse(async function* (signal) {
    const watch = await readMessage(request, watchSchema(user), BODY_LIMIT);
    for await (const occurrence of occurrences(files, watch, keepaliveMs(request), signal)) {
      if (occurrence === "start") yield { start: {} };
      else if (occurrence === "keepalive") yield { keepalive: {} };
      else yield { filesystem: await eventOf(files, watch, occurrence) };
    }
  }, sandbox.connections);
}

/** Protobuf's `FilesystemEvent`. What is not there any more has no entry. */
export async function eventOf(files: Files, watch: Watch, { type, path }: Change) {
  const entry = watch.includeEntry ? await entryAt(files, path) : null;
  return {
    name: path === watch.path ? "." : path.slice(watch.path === "/" ? 1 : watch.path.length + 1),
    type: TYPES[type],
    entry: entry === null ? undefined : await entryInfo(files, entry),
  };
}

export function tooManyChanges(): ConnectError {
  return new ConnectError("resource_exhausted", `more than ${CHANGE_LIMIT} changes were not heard of by the client`);
}

function occurrences(
  files: Files,
  { path, recursive }: Watch,
  keepalive: number,
  signal: AbortSignal,
): ReadableStream<Occurrence> {
  const watching = new AbortController();
  let timer: ReturnType<typeof setInterval>;
  const stop = () => {
    clearInterval(timer);
    watching.abort();
  };
  return new ReadableStream<Occurrence>({
    async start(controller) {
      let isTold = false;
      const begin = () => {
        if (!isTold) controller.enqueue("start");
        isTold = true;
      };
      const hear = (change: Change) => {
        if (watching.signal.aborted) return;
        // A change may come before it is known here that the watch has begun.
        begin();
        if ((controller.desiredSize ?? 0) > 0) return controller.enqueue(change);
        stop();
        controller.error(tooManyChanges());
      };
      const leave = () => {
        if (watching.signal.aborted) return;
        stop();
        controller.close();
      };
      await files.watch(path, { recursive, signal: watching.signal }, hear);
      begin();
      timer = setInterval(() => {
        if (controller.desiredSize === CHANGE_LIMIT) controller.enqueue("keepalive");
      }, keepalive);
      signal.addEventListener("abort", leave);
      if (signal.aborted) leave();
    },
    cancel: stop,
  }, { highWaterMark: CHANGE_LIMIT });
}

async function entryAt(files: Files, path: string): Promise<Entry | null> {
  try {
    return await files.stat(path);
  } catch (error) {
    if (error instanceof FileError) return null;
    throw error;
  }
}

function keepaliveMs(request: Request): number {
  const seconds = Number(request.headers.get("keepalive-ping-interval"));
  return 1000 * (seconds >= 1 && seconds <= 3600 ? seconds : KEEPALIVE_S);
}

const TYPES = {
  create: "EVENT_TYPE_CREATE",
  write: "EVENT_TYPE_WRITE",
  remove: "EVENT_TYPE_REMOVE",
  rename: "EVENT_TYPE_RENAME",
  chmod: "EVENT_TYPE_CHMOD",
} as const satisfies Record<Change["type"], string>;
