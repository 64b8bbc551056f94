// The process of a shell: runs one command at a time, each as a bash of its own that knows nothing of the others.

import "./environment.mjs";
import { Bash, defineCommand } from "just-bash/browser";
import { FileSystem } from "./file_system.mjs";
import { commands, tell } from "./server.mjs";

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

async function run({ script, cwd, environment, pid, user, stdin }) {
  const uid = user === "root" ? 0 : 1000;
  const bash = new Bash({
    fs: new FileSystem(),
    cwd,
    processInfo: { pid, ppid: 1, uid, gid: uid },
    executionLimits: { maxOutputSize: MAX_OUTPUT_BYTES },
    // The one of just-bash says "user" to everyone.
    customCommands: [defineCommand("whoami", () => Promise.resolve({ stdout: `${user}\n`, stderr: "", exitCode: 0 }))],
    // It would guard this process from the script by way of JavaScript's globals. This process has nothing to guard.
    defenseInDepth: false,
  });
  return await bash.exec(script, {
    cwd,
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", SHELL: "/bin/bash", PWD: cwd, ...environment },
    replaceEnv: true,
    rawScript: true,
    stdin: atob(stdin),
    stdinKind: "bytes",
  });
}

function base64(text) {
  return new TextEncoder().encode(text).toBase64();
}

tell({ type: "ready" });
for await (const command of commands()) {
  // Not awaited: answers about files come by the same way.
  run(command).then(
    ({ exitCode, stdout, stderr }) =>
      tell({ type: "done", code: exitCode, stdout: base64(stdout), stderr: base64(stderr) }),
    (error) => tell({ type: "done", code: 1, stdout: "", stderr: base64(`bash: ${error.message}\n`) }),
  );
}
// The server closed the pipe or died.
Deno.exit(0);
