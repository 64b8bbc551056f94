// Pyodide's thread. Everything after "ready" may be hostile: code in a cell
// can reach this file's globals, so it holds nothing worth having.

import { bootPyodide, restorePyodide, resumePyodide } from "./boot.mjs";
import { CarriedState } from "./carried_state.mjs";
import { Carrier } from "./carrier.mjs";
import { carry } from "./carrying.mjs";
import { setClock } from "./clock.mjs";
import { applyChange, reportChanges, reportClosed, watchClosed } from "./files.mjs";
import { protectLibrary } from "./library.mjs";
import { heardBy, works } from "./trial.mjs";
import { openWheels } from "./wheels.mjs";

const encoder = new TextEncoder();
let currentId = 0;
/** Whether the server runs the cell for itself. */
let isSilent = false;

/** Blocks while the pipe is full: this is what slows a flood of output down. */
function writeLine(line) {
  const bytes = encoder.encode(`${line}\n`);
  for (let sent = 0; sent < bytes.length;) {
    sent += Deno.stdout.writeSync(bytes.subarray(sent));
  }
}

function say(type, id, fields) {
  writeLine(JSON.stringify({ type, id, ...fields }));
}

/**
 * Pyodide reads the signal and then clears it. One that main stores between
 * these two steps would be lost, which happens to one busy loop in a hundred.
 */
function atomic(buffer) {
  return {
    get 0() {
      return Atomics.exchange(buffer, 0, 0);
    },
    set 0(_cleared) {
      // The getter has cleared it.
    },
  };
}

/** Python can never run again: ends the process, which only main can. */
function die(error) {
  self.postMessage({ type: "dead", reason: String(error) });
}

async function boot({ pyodideUrl, kernelUrl, snapshotPath, packages, interruptBuffer, state: given }) {
  const { places, read } = openWheels(packages.wheels);
  const mayReadNoMore = () => Deno.permissions.revokeSync({ name: "read" });
  const sleep = (seconds) => pause({ pyodide, interruptBuffer }, seconds);
  // What Python is given of JavaScript. A kernel that goes on where this one is has its own under the same names.
  const own = { say: heardBy(writeLine), sleep, read };
  const state = given === null ? null : new CarriedState(given);
  if (state !== null) setClock(state.head.clock);
  const pyodide =
    await (state !== null
      ? resumePyodide(pyodideUrl, state.readMemory, (name) => own[name], mayReadNoMore)
      : snapshotPath === null
      ? bootPyodide(pyodideUrl, kernelUrl)
      : restorePyodide(pyodideUrl, snapshotPath));
  mayReadNoMore();
  pyodide.setInterruptBuffer(atomic(interruptBuffer));
  // Bytes written to file descriptors 1 and 2 past sys.stdout and sys.stderr.
  for (const [name, set] of [["stdout", "setStdout"], ["stderr", "setStderr"]]) {
    pyodide[set]({
      write(bytes) {
        say(name, currentId, { text: new TextDecoder().decode(bytes) });
        return bytes.length;
      },
    });
  }
  pyodide._api.on_fatal = die;
  protectLibrary(pyodide.FS);
  const carrier = new Carrier(pyodide, own);
  if (state !== null) carrier.resume(state);
  watchClosed(pyodide.FS, () => shareClosed(pyodide));
  // A promise that a cell forgot must not take the cell's variables along.
  for (const name of ["unhandledrejection", "error"]) {
    self.addEventListener(name, (event) => event.preventDefault());
  }
  pyodide.pyimport("_kernel.packages").offer(packages.known, JSON.stringify(places), read);
  return { pyodide, cell: pyodide.pyimport("_kernel.cell"), carrier, own, interruptBuffer };
}

function configure({ pyodide, cell, own }, { environment, cwd }) {
  cell.configure(own.say, own.sleep, pyodide.toPy(environment), cwd);
}

function pause({ pyodide, interruptBuffer }, seconds) {
  const until = performance.now() + seconds * 1000;
  let left = seconds * 1000;
  shareClosed(pyodide);
  while (left > 0 && Atomics.load(interruptBuffer, 0) === 0) {
    // Sleeps until main stores a signal; a Python loop of short sleeps
    // would notice one only after some fifty of them.
    Atomics.wait(interruptBuffer, 0, 0, left);
    left = until - performance.now();
  }
  pyodide.checkInterrupt();
}

async function execute({ pyodide, cell, interruptBuffer }, message) {
  Atomics.store(interruptBuffer, 0, 0);
  currentId = message.id;
  isSilent = message.silent;
  let ended = false;
  let failure;
  try {
    ended = await cell.execute(message.id, message.code, message.silent);
  } catch (error) {
    // Python reports what a cell raises; what arrives here ended Python, or
    // was raised while that was told.
    failure = String(error?.message ?? error).slice(-2000);
  }
  if (!message.silent) shareFiles(pyodide, message.id);
  self.postMessage({ type: "idle", id: message.id });
  Atomics.store(interruptBuffer, 0, 0);
  if (ended !== true && !await works(cell)) return die("The cell broke Python.");
  if (failure !== undefined) say("error", message.id, { name: "KernelError", value: failure, traceback: "" });
  // In one write: the server ends this process at the first, and must still find the second.
  const ending = cell.is_leaving() ? [JSON.stringify({ type: "exit", id: message.id })] : [];
  writeLine([...ending, JSON.stringify({ type: "done", id: message.id })].join("\n"));
}

/** The cell awaits, or the message that asks for this would still wait. */
function cancel({ cell, interruptBuffer }, number) {
  const hasBeenSignalled = Atomics.load(interruptBuffer, 1) >= number;
  // A signal left in place would interrupt the next line itself.
  const isLeft = Atomics.exchange(interruptBuffer, 0, 0) !== 0;
  // The cell has had this one while it computed, and went on.
  if (hasBeenSignalled && !isLeft) return;
  self.postMessage({ type: "cancelled", number });
  cell.interrupt();
}

/** While a cell runs; what this leaves out or fails at is told when it has ended. */
function shareClosed({ FS }) {
  if (isSilent) return;
  try {
    reportClosed(FS, ({ type, ...change }) => say(type, currentId, change));
  } catch {
    // A cell may have done anything to the file system.
  }
}

function shareFiles({ FS }, id) {
  try {
    reportChanges(FS, ({ type, ...change }) => say(type, id, change), (text) => say("stderr", id, { text }));
  } catch (error) {
    // A cell may have done anything to the file system.
    say("stderr", id, { text: `files were not kept: ${error}\n` });
  }
}

function takeFile({ FS }, change) {
  try {
    applyChange(FS, change);
  } catch {
    // A cell has put something in the way, and now has what it wanted.
  }
}

let kernel;
self.onmessage = async ({ data }) => {
  switch (data.type) {
    case "boot":
      try {
        kernel = await boot(data);
        self.postMessage({ type: "booted" });
      } catch (error) {
        die(error);
      }
      break;
    case "configure":
      configure(kernel, data);
      break;
    case "file":
    case "directory":
    case "gone":
      takeFile(kernel.pyodide, data);
      break;
    case "execute":
      await execute(kernel, data);
      break;
    case "look":
    case "dump":
      await carry(kernel.carrier, data.type === "dump", (type, fields) => say(type, data.id, fields));
      break;
    case "interrupt":
      cancel(kernel, data.number);
      break;
  }
};
