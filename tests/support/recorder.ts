/** A server that answers every request alike by its path, and notes what came. */

export interface Recorded {
  readonly method: string;
  readonly path: string;
  /** In the order of the alphabet, as it is encoded. */
  readonly query: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  /** JSON as a value, a form as its files, else text. */
  readonly body: unknown;
}

export interface Recorder extends AsyncDisposable {
  readonly url: string;
  /** What has come since this was called last. */
  take(): Recorded[];
}

/** Starts one on a free port. */
export function startRecorder(answer: (method: string, path: string) => Response): Recorder {
  let recorded: Recorded[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname: path, search } = new URL(request.url);
    recorded.push({
      method: request.method,
      path,
      query: search.slice(1).split("&").sort(),
      headers: Object.fromEntries(request.headers),
      body: await bodyOf(request),
    });
    return answer(request.method, path);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    take: () => {
      const taken = recorded;
      recorded = [];
      return taken;
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

async function bodyOf(request: Request): Promise<unknown> {
  const type = request.headers.get("content-type") ?? "";
  if (type.startsWith("multipart/form-data")) {
    const form = await request.formData();
    return await Promise.all(
      [...form].map(async ([field, value]) =>
        value instanceof File ? { field, name: value.name, text: await value.text() } : { field, value }
      ),
    );
  }
  const text = await request.text();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
