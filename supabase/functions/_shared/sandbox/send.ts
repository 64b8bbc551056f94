/**
 * Sends a request to E2B or to a sandbox. The answer is its receiver's own: code in a sandbox can take the ports of those
 * who listen there, and a redirection would lead us, with the user's code and our tokens, to wherever it likes.
 *
 * What the platform's fetch makes of a redirection that it must not follow is no success, be it the answer with its 3xx
 * or one without a status.
 */
export async function send(request: Request): Promise<Response> {
  return await fetch(request, { redirect: "manual" });
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
    redirect: "manual",
  });
}
