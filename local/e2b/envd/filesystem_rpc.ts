import { z } from "zod";
import { readBody } from "../http.ts";
import { clientPathOf } from "../machine/file_path.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { entryInfo } from "./entry_info.ts";
import type { User } from "./user.ts";
import { createWatcher, removeWatcher, watcherEvents } from "./watchers.ts";

const BODY_LIMIT = 64 * 1024;

// Protobuf's JSON leaves out what is empty or zero. An empty path is the home.
const pathSchema = ({ home }: User) => z.object({ path: clientPathOf(home) });
const listSchema = ({ home }: User) => z.object({ path: clientPathOf(home), depth: z.int().min(0).default(0) });
const moveSchema = ({ home }: User) => z.object({ source: clientPathOf(home), destination: clientPathOf(home) });

type Method = (request: Request, sandbox: Sandbox, user: User) => Promise<unknown>;

const METHODS: Readonly<Record<string, Method>> = {
  Stat: async (request, { machine: { files } }, user) => {
    const { path } = await readBody(request, pathSchema(user), BODY_LIMIT);
    return { entry: await entryInfo(files, await files.stat(path)) };
  },
  ListDir: async (request, { machine: { files } }, user) => {
    const { path, depth } = await readBody(request, listSchema(user), BODY_LIMIT);
    const entries = await files.list(path, Math.max(1, depth));
    return { entries: await Promise.all(entries.map((entry) => entryInfo(files, entry))) };
  },
  MakeDir: async (request, { machine: { files } }, user) => {
    const { path } = await readBody(request, pathSchema(user), BODY_LIMIT);
    return { entry: await entryInfo(files, await files.makeDirectory(path)) };
  },
  Move: async (request, { machine: { files } }, user) => {
    const { source, destination } = await readBody(request, moveSchema(user), BODY_LIMIT);
    return { entry: await entryInfo(files, await files.move(source, destination)) };
  },
  Remove: async (request, { machine: { files } }, user) => {
    const { path } = await readBody(request, pathSchema(user), BODY_LIMIT);
    await files.remove(path);
    return {};
  },
  CreateWatcher: createWatcher,
  GetWatcherEvents: watcherEvents,
  RemoveWatcher: removeWatcher,
};

/** A method of envd's service `filesystem.Filesystem` that answers once, if there is one of that name. */
export function filesystemMethod(name: string): Method | undefined {
  return Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
}
