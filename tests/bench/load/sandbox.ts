/** A sandbox that says, at once and without end if need be, what a case of the benchmark has it say. */
import { serve, type Server } from "../../../local/serve.ts";

const BEGUN = '{"type":"number_of_executions","execution_count":1}\n';
const END = '{"type":"end_of_execution"}\n';
/** Of each file that is taken out of it. */
const FILE_BYTES = 2 * 1024 * 1024;

export interface ScriptedSandbox extends AsyncDisposable {
  readonly url: string;
  /** What the kernel says of the next programs, besides that they begin and end. */
  says: () => Iterable<string>;
}

/** Starts it: its kernel, its Jupyter and its files, for any sandbox. */
export async function startScriptedSandbox(): Promise<ScriptedSandbox> {
  const file = new Uint8Array(FILE_BYTES).fill(120);
  const answer = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    switch (`${request.method} ${pathname}`) {
      case "POST /execute": {
        const { code } = await request.json();
        const isQuestion = /^;?(#|\/\/)$/.test(code);
        return new Response(stream(isQuestion ? [] : sandbox.says()));
      }
      case "GET /contexts":
        return Response.json([{ id: "python", language: "python" }]);
      case "GET /files":
        return new Response(file);
      case "POST /files":
        await request.body?.pipeTo(new WritableStream());
        return Response.json([]);
      default:
        return new Response(null, { status: 204 });
    }
  };
  const server: Server = await serve({ onError: (error) => new Response(String(error), { status: 500 }) }, answer);
  const sandbox: ScriptedSandbox = {
    url: `http://127.0.0.1:${server.port}`,
    says: () => [],
    [Symbol.asyncDispose]: () => server.stop(),
  };
  return sandbox;
}

/** As fast as it is read. */
function stream(pieces: Iterable<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const all = function* () {
    yield BEGUN;
    yield* pieces;
    yield END;
  }();
  return new ReadableStream({
    pull: (controller) => {
      const { done, value } = all.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
  });
}
