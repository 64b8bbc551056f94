import { Sandbox } from "@e2b/code-interpreter";

const KERNEL_PORT = 49999;
/** Time limit of a call of the SDK to the sandbox itself, in milliseconds. */
export const SANDBOX_CALL_MILLISECONDS = 5_000;

/**
 * A sandbox, with the SDK's own way to its kernel. The SDK's `runCode` takes no AbortSignal and keeps all output in
 * memory, so the kernel's HTTP is spoken by `kernel.ts`.
 */
export class LiveSandbox extends Sandbox {
  /** Sends code to the kernel. The answer's body is a stream of JSON lines. */
  execute(body: Record<string, unknown>, signal: AbortSignal): Promise<Response> {
    const headers = new Headers({
      "Content-Type": "application/json",
      "E2b-Sandbox-Id": this.sandboxId,
      "E2b-Sandbox-Port": String(KERNEL_PORT),
    });
    // Given when public traffic to the sandbox is off.
    if (this.trafficAccessToken) headers.set("E2B-Traffic-Access-Token", this.trafficAccessToken);
    return sendOnce(
      new Request(`${this.jupyterUrl}/execute`, {
        method: "POST",
        headers,
        body: JSON.stringify(body),
        signal,
      }),
    );
  }
}

/**
 * Sends a request that must not arrive twice. Deno's fetch repeats a POST by itself when a kept-alive connection breaks
 * before the answer: the code would run twice, the sandbox be created twice. It cannot repeat a Blob.
 */
export async function sendOnce(request: Request): Promise<Response> {
  return await fetch(request.url, {
    method: request.method,
    headers: request.headers,
    body: await request.blob(),
    signal: request.signal,
  });
}
