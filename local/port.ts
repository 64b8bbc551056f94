/** Free TCP ports on the loopback interface. */

import { ChildExited } from "./child.ts";

export const LOOPBACK = "127.0.0.1";

const ATTEMPTS = 5;
const TAKEN = /address already in use|could not bind|resource busy/i;

/**
 * Starts a server that has to be told its ports. Between choosing a port and binding it another process may take it;
 * then it is tried again with other ones.
 * @throws {ChildExited} when the server ended for another reason, or when a port was taken five times in a row
 */
export async function onFreePorts<T>(start: (freePort: () => number) => Promise<T>): Promise<T> {
  for (let attempt = 1;; attempt++) {
    try {
      return await start(freePort);
    } catch (error) {
      const taken = error instanceof ChildExited && TAKEN.test(error.log);
      if (!taken || attempt === ATTEMPTS) throw error;
    }
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: LOOPBACK, port: 0 });
  return listener.addr.port;
}
