import type { Child, ChildStatus, Signal } from "../../machine/machine.ts";

const MAX_INPUT_BYTES = 16 * 1024 ** 2;
const PIECE_BYTES = 64 * 1024;

/** What a command leaves behind. */
export interface CommandResult extends ChildStatus {
  readonly stdout: Uint8Array<ArrayBuffer>;
  readonly stderr: Uint8Array<ArrayBuffer>;
}

/**
 * A command of a shell in the form of a program. It begins when its input has ended, and says at its end all that it has
 * to say, because just-bash takes and gives both in one piece.
 *
 * `run` is called at once and never rejects; `kill` ends what it runs.
 */
export function commandChild(
  pid: number,
  run: (stdin: Promise<Uint8Array<ArrayBuffer>>) => Promise<CommandResult>,
  kill: () => void,
): Child {
  const input = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
  const killed = Promise.withResolvers<CommandResult>();
  const result = Promise.race([killed.promise, run(input.promise)]);
  let hasEnded = false;
  result.then(() => hasEnded = true);
  return {
    pid,
    stdin: inOnePiece(input.resolve),
    stdout: pieces(result.then(({ stdout }) => stdout)),
    stderr: pieces(result.then(({ stderr }) => stderr)),
    status: result.then(({ code, signal }) => ({ code, signal })),
    kill: (signal) => {
      // What ran it may run another command by now.
      if (hasEnded) return;
      kill();
      const nothing = new Uint8Array();
      killed.resolve({ code: 128 + NUMBERS[signal], signal, stdout: nothing, stderr: nothing });
    },
  };
}

const NUMBERS = { SIGINT: 2, SIGKILL: 9, SIGTERM: 15 } as const satisfies Record<Signal, number>;

function inOnePiece(onEnd: (all: Uint8Array<ArrayBuffer>) => void): WritableStream<Uint8Array<ArrayBufferLike>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  return new WritableStream({
    write(part) {
      size += part.length;
      if (size > MAX_INPUT_BYTES) throw new Error(`a command takes at most ${MAX_INPUT_BYTES} bytes`);
      parts.push(new Uint8Array(part));
    },
    close: async () => onEnd(await new Blob(parts).bytes()),
  });
}

function pieces(whole: Promise<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      const bytes = await whole;
      if (at < bytes.length) controller.enqueue(bytes.slice(at, at += PIECE_BYTES));
      else controller.close();
    },
  }, { highWaterMark: 0 });
}
