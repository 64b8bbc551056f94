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
 * Sends a request that must not arrive twice. Newer Denos' fetch repeats a POST by itself when a kept-alive connection
 * breaks before the answer: the code would run twice, the sandbox be created twice. It cannot repeat a Blob.
 */
export async function sendOnce(request: Request): Promise<Response> {
  return await sendBlob(request, await request.blob());
}

/**
 * Sends a request that may arrive twice, and once more when it gets no answer: a connection that was kept alive may be
 * closed by the other side just when it is used again, and the platform's fetch (Deno 2.1.4) repeats nothing. A body is a
 * Blob, or newer ones would repeat each of the two; what has none they may send a third time.
 */
export async function sendAgain(request: Request): Promise<Response> {
  const body = request.body ? await request.blob() : undefined;
  try {
    return await sendBlob(request, body);
  } catch (thrown) {
    if (!(thrown instanceof TypeError) || request.signal.aborted) throw thrown;
    return await sendBlob(request, body);
  }
}

async function sendBlob({ url, method, headers, signal }: Request, body?: Blob): Promise<Response> {
  return await fetch(url, { method, headers, body, signal, redirect: "manual" });
}
