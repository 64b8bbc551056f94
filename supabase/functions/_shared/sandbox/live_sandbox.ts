/**
 * A sandbox's own HTTP: its kernels' and its files'. It is spoken here and not by the SDK's `Sandbox`, which follows
 * redirections, keeps all output in memory, and drops the status of what failed.
 */
import type { Addresses, SandboxPort } from "./addresses.ts";
import type { DescribedSandbox } from "./provider_api.ts";
import { queryOf } from "./query.ts";
import type { Access } from "./sealed_access.ts";
import { send, sendOnce } from "./send.ts";

const KERNEL_PORT = 49999;
/** Jupyter's own server, beside the kernels' (E2B's code-interpreter, template/jupyter_server_config.py). */
const JUPYTER_PORT = 8888;
const FILES_PORT = 49983;
/** Time limit of a short call to the sandbox itself, in milliseconds. */
export const SANDBOX_CALL_MILLISECONDS = 5_000;

/** A file on its way into a sandbox. */
export interface Upload {
  readonly path: string;
  readonly content: Blob;
}

/** Its answers are whatever listens there says, as they come: none is followed, read or judged yet. */
export class LiveSandbox {
  constructor(private readonly described: DescribedSandbox, private readonly addresses: Addresses) {}

  get sandboxId(): string {
    return this.described.sandboxID;
  }

  /** What opens it, for as long as it lives. */
  get access(): Access {
    return this.described;
  }

  /** Sends code to the kernel. The answer's body is a stream of JSON lines. */
  async execute(body: Record<string, unknown>, signal: AbortSignal): Promise<Response> {
    return await sendOnce(this.#to(KERNEL_PORT, "/execute", { method: "POST", body: JSON.stringify(body), signal }));
  }

  /** Asks for the kernels that there are. */
  async listKernels(): Promise<Response> {
    return await send(this.#to(KERNEL_PORT, "/contexts", { signal: AbortSignal.timeout(SANDBOX_CALL_MILLISECONDS) }));
  }

  /** Has a kernel start anew. */
  async restartKernel(id: string): Promise<Response> {
    const signal = AbortSignal.timeout(SANDBOX_CALL_MILLISECONDS);
    return await send(this.#to(KERNEL_PORT, `/contexts/${encodeURIComponent(id)}/restart`, { method: "POST", signal }));
  }

  /** Has a kernel interrupt what it runs. Its id is the one that it has among the kernels. */
  async interruptKernel(id: string, signal: AbortSignal): Promise<Response> {
    const path = `/api/kernels/${encodeURIComponent(id)}/interrupt`;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(SANDBOX_CALL_MILLISECONDS)]);
    return await sendOnce(this.#to(JUPYTER_PORT, path, { method: "POST", signal: limit }));
  }

  /** Sends files, all at once. Their paths are absolute. */
  async writeFiles(files: readonly Upload[], signal: AbortSignal): Promise<Response> {
    const form = new FormData();
    // The whole path is the part's file name.
    for (const { path, content } of files) form.append("file", content, path);
    return await send(this.#toFiles({}, { method: "POST", body: form, signal }));
  }

  /** Asks for a file, by its absolute path. */
  async readFile(path: string, signal: AbortSignal): Promise<Response> {
    return await send(this.#toFiles({ path }, { signal }));
  }

  #to(port: number, path: string, init: RequestInit): Request {
    const headers = this.#headers(port);
    headers.set("Content-Type", "application/json");
    // Given when public traffic to the sandbox is off.
    const { trafficAccessToken } = this.described;
    if (trafficAccessToken) headers.set("E2B-Traffic-Access-Token", trafficAccessToken);
    return new Request(`${this.addresses.direct(this.#at(port))}${path}`, { ...init, headers });
  }

  #toFiles(query: Record<string, string>, init: RequestInit): Request {
    // Older ones know no user of their own.
    const [major, minor] = this.described.envdVersion.split(".").map(Number);
    const username = major === 0 && minor < 4 ? "user" : undefined;
    const search = queryOf({ ...query, username });
    const url = `${this.addresses.files(this.#at(FILES_PORT))}/files${search && `?${search}`}`;
    return new Request(url, { ...init, headers: this.#headers(FILES_PORT) });
  }

  #headers(port: number): Headers {
    const headers = new Headers({ "E2b-Sandbox-Id": this.sandboxId, "E2b-Sandbox-Port": String(port) });
    const { envdAccessToken } = this.described;
    // The kernels' server fetches the sandbox's own environment with it. Jupyter's knows nothing of it.
    if (envdAccessToken && port !== JUPYTER_PORT) headers.set("X-Access-Token", envdAccessToken);
    return headers;
  }

  #at(port: number): SandboxPort {
    return { sandboxId: this.sandboxId, port, domain: this.described.domain };
  }
}
