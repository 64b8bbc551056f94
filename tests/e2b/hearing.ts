import { eventually } from "../support/settle.ts";

/** Keeps what a command says, and waits for some of it. */
export function hearing() {
  let text = "";
  return {
    hear: (more: string) => void (text += more),
    heard: (what: string) =>
      eventually(`${JSON.stringify(what)} is heard`, () => text.includes(what), { everyMilliseconds: 5 }),
    get text() {
      return text;
    },
  };
}
