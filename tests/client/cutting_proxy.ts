/** A way to the gateway on which connections are cut, as by a network: in the middle of what the gateway answers. */
import { connect, createServer, type Socket } from "node:net";
import assert from "node:assert/strict";

export interface CuttingProxy {
  readonly url: string;
  /** How often a connection was cut. */
  readonly cuts: number;
  /** Cuts the next connections, so many times, when an answer on one has said this text, which still arrives, or does not. */
  cutAt(text: string, options?: { readonly times?: number; readonly arrives?: boolean }): void;
  stop(): Promise<void>;
}

export async function startCuttingProxy(target: string): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let plan = { text: "", left: 0, arrives: true };
  let cuts = 0;
  const server = createServer((caller) => {
    const gateway = connect(Number(port), hostname);
    let heard = "";
    const end = () => {
      caller.destroy();
      gateway.destroy();
    };
    for (const socket of [caller, gateway]) {
      open.add(socket);
      socket.on("error", end).on("close", () => {
        end();
        open.delete(socket);
      });
    }
    caller.on("data", (piece) => gateway.write(piece));
    gateway.on("data", (piece) => {
      const before = heard.length;
      heard = plan.left > 0 ? heard + piece.toString("latin1") : "";
      const at = plan.left > 0 ? heard.indexOf(plan.text) : -1;
      if (at < 0) return void caller.write(piece);
      // Not a byte more: the end of the answer may be in the same piece.
      if (plan.arrives) caller.write(piece.subarray(0, at + plan.text.length - before), end);
      else end();
      plan.left--;
      cuts++;
      heard = "";
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert(address !== null && typeof address === "object");
  return {
    url: `http://127.0.0.1:${address.port}`,
    get cuts() {
      return cuts;
    },
    cutAt: (text, { times = 1, arrives = true } = {}) => plan = { text, left: times, arrives },
    stop: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
