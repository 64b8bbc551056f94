/** The functions, called by supabase-js. */
import { invoke, newPath } from "../../support/clients.ts";
import { stream } from "../../support/event_stream.ts";
import { PROGRAM, type Scene } from "./scene.ts";
import { ANSWER, FIRST_OUTPUT, type Way } from "./way.ts";

export const STREAM = "execute-code, warm, stream";
export const JSON_ANSWER = "execute-code, warm, JSON";
export const NEW_PATH = "acquire-context, new path";

export function ours({ client, path }: Scene): Way[] {
  const run = { ...path, ...PROGRAM };
  const end = ({ conversation_id }: { conversation_id: string }) => () =>
    invoke(client, "terminate-context", { conversation_id });
  return [
    {
      name: STREAM,
      run: async (watch) => {
        const events = await stream(client, run);
        await events.until("stdout");
        watch.mark(FIRST_OUTPUT);
        await events.rest();
        watch.mark(ANSWER);
      },
    },
    {
      name: JSON_ANSWER,
      run: async (watch) => {
        await invoke(client, "execute-code", run);
        watch.mark(ANSWER);
      },
    },
    {
      name: "execute-code, warm, JSON, with a key",
      run: async (watch) => {
        await invoke(client, "execute-code", { ...run, idempotency_key: crypto.randomUUID() });
        watch.mark(ANSWER);
      },
    },
    {
      name: "acquire-context, warm",
      run: async (watch) => {
        await invoke(client, "acquire-context", path);
        watch.mark(ANSWER);
      },
    },
    {
      name: NEW_PATH,
      run: async (watch) => {
        const fresh = newPath();
        await invoke(client, "acquire-context", fresh);
        watch.mark(ANSWER);
        return end(fresh);
      },
    },
    {
      name: "execute-code, new path, JSON",
      run: async (watch) => {
        const fresh = newPath();
        await invoke(client, "execute-code", { ...fresh, ...PROGRAM });
        watch.mark(ANSWER);
        return end(fresh);
      },
    },
  ];
}
