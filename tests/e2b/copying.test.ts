/** What the server answers while a sandbox is copied, and how it keeps what is copied. */
import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { SandboxError, SandboxNotFoundError } from "e2b";
import { HttpError } from "../../local/e2b/http.ts";
import type { E2BServer } from "../../local/e2b/server.ts";
import { eventually } from "../support/settle.ts";
import { CopyableMachines } from "./copyable_machine.ts";
import { type Connection, onServer, toSandbox } from "./local_server.ts";

interface Used {
  readonly connection: Connection;
  readonly server: E2BServer;
  readonly machines: CopyableMachines;
  readonly sandbox: Sandbox;
}

function copyTest(name: string, run: (used: Used) => Promise<void>): void {
  Deno.test({
    name,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: () => {
      const machines = new CopyableMachines();
      return onServer({ machines }, async (connection, server) => {
        await run({ connection, server, machines, sandbox: await Sandbox.create(connection) });
      });
    },
  });
}

/** Begins to copy a sandbox, and stops there until it is told to go on. */
async function copying({ sandbox, machines }: Used, at: "before" | "within") {
  const gate = Promise.withResolvers<void>();
  machines[at] = gate.promise;
  const forks = sandbox.fork({ timeoutMs: 60_000 });
  forks.catch(() => {});
  await eventually("it is copied", () => machines.copying === 1, { everyMilliseconds: 2 });
  return {
    forks,
    goOn: () => {
      machines[at] = Promise.resolve();
      gate.resolve();
    },
    fail: (error: Error) => {
      machines[at] = Promise.resolve();
      gate.reject(error);
    },
  };
}

async function post({ server, connection }: Used, path: string, body: unknown = {}) {
  const response = await fetch(`${server.url}${path}`, {
    method: "POST",
    headers: { "X-API-KEY": connection.apiKey },
    body: JSON.stringify(body),
  });
  return [response.status, (await response.json()).message] as const;
}

copyTest("of many forks at once one is made, and the others are told why not", async (used) => {
  const { sandbox, server } = used;
  const { forks, goOn } = await copying(used, "within");
  const refused = await Promise.all(
    Array.from({ length: 19 }, () => post(used, `/sandboxes/${sandbox.sandboxId}/fork`)),
  );
  const words = `Sandbox "${sandbox.sandboxId}" cannot be forked while in 'snapshotting' state`;
  assert.deepEqual(refused, Array.from({ length: 19 }, () => [409, words]));
  assert.deepEqual(await post(used, `/sandboxes/${sandbox.sandboxId}/snapshots`), [
    409,
    `Sandbox "${sandbox.sandboxId}" cannot be snapshotted while in 'snapshotting' state`,
  ]);
  goOn();
  assert.equal((await forks).length, 1);
  assert.deepEqual(server.sandboxes().map(({ forkedFrom }) => forkedFrom), [null, sandbox.sandboxId]);
});

copyTest("a request waits while its sandbox is copied, and a list has that not", async (used) => {
  const { sandbox, connection } = used;
  const { forks, goOn } = await copying(used, "within");
  const written = sandbox.files.write("file", "text");
  const connected = Sandbox.connect(sandbox.sandboxId, connection);
  assert.deepEqual(await Sandbox.list(connection).nextItems(), []);
  assert.equal((await Sandbox.getInfo(sandbox.sandboxId, connection)).state, "running");
  let isAnswered = false;
  Promise.race([written, connected]).then(() => isAnswered = true);
  await Sandbox.getInfo(sandbox.sandboxId, connection);
  assert.equal(isAnswered, false);
  goOn();
  await Promise.all([written, connected, forks]);
  assert.equal(await sandbox.files.read("file"), "text");
  assert.equal((await Sandbox.list(connection).nextItems()).length, 2);
});

copyTest("what was asked before a copy loses its connection", async (used) => {
  const { sandbox, server } = used;
  const { forks, goOn } = await copying(used, "before");
  goOn();
  await forks;
  // One whose body never comes to its end is open for as long as its client wants.
  const endless = Promise.withResolvers<void>();
  const open = fetch(`${server.url}/execute`, {
    method: "POST",
    headers: { "E2b-Sandbox-Id": sandbox.sandboxId, "E2b-Sandbox-Port": "49999" },
    body: new ReadableStream({
      async pull(controller) {
        controller.enqueue(new TextEncoder().encode(" "));
        await endless.promise;
        controller.close();
      },
    }),
  });
  // The server has it as soon as it answers another one.
  await (await toSandbox(server, sandbox.sandboxId, "/health")).body?.cancel();
  await sandbox.fork();
  const answer = await open;
  assert.deepEqual([answer.status, (await answer.json()).message], [
    502,
    "The sandbox is running but port is not open",
  ]);
  endless.resolve();
});

copyTest("a pause waits until its sandbox is copied", async (used) => {
  const { sandbox, machines, connection } = used;
  const { forks, goOn } = await copying(used, "within");
  const paused = sandbox.pause();
  await Sandbox.getInfo(sandbox.sandboxId, connection);
  assert.deepEqual(machines.pauses, []);
  goOn();
  assert.equal(await paused, true);
  assert.equal((await forks).length, 1);
  assert.deepEqual(await post(used, `/sandboxes/${sandbox.sandboxId}/fork`), [
    409,
    `Sandbox "${sandbox.sandboxId}" is paused and cannot be forked, resume it first`,
  ]);
});

for (const end of ["kill", "timeout"] as const) {
  copyTest(`a ${end} does not wait for a copy, of which nothing comes`, async (used) => {
    const { sandbox, server } = used;
    const { forks, goOn } = await copying(used, "within");
    const written = assert.rejects(sandbox.files.write("file", "text"));
    if (end === "kill") assert.equal(await sandbox.kill(), true);
    else await sandbox.setTimeout(0);
    await assert.rejects(forks, SandboxNotFoundError);
    await written;
    goOn();
    assert.deepEqual(server.sandboxes().map(({ ended }) => ended?.by), [end]);
  });
}

copyTest("a copy that fails leaves its sandbox alone", async (used) => {
  const { sandbox, server } = used;
  for (const at of ["before", "within"] as const) {
    const { forks, fail } = await copying(used, at);
    fail(new HttpError(501, "a thing cannot be carried"));
    await assert.rejects(
      forks,
      (error) => error instanceof SandboxError && /501.*a thing cannot be carried/.test(error.message),
    );
  }
  assert.equal(server.sandboxes().length, 1);
  await sandbox.files.write("file", "text");
  assert.equal((await sandbox.fork()).length, 1);
});

copyTest("a fork is what its source was made as, with a life of its own", async (used) => {
  const { connection, server } = used;
  const source = await Sandbox.create({
    ...connection,
    metadata: { owner: "me" },
    timeoutMs: 300_000,
    lifecycle: { onTimeout: "pause", autoResume: true },
    network: { allowPublicTraffic: false, allowOut: ["10.0.0.1"] },
  });
  const [first, second] = await source.fork({ count: 2, timeoutMs: 50_000 });
  assert(first instanceof Sandbox && second instanceof Sandbox);
  assert.equal(new Set([source, first, second].map(({ sandboxId }) => sandboxId)).size, 3);
  assert.equal(new Set([source, first, second].map(({ trafficAccessToken }) => trafficAccessToken)).size, 3);
  const [info, of] = await Promise.all([first.getInfo(), source.getInfo()]);
  const { metadata, lifecycle, network, templateId } = of;
  assert.deepEqual(
    { metadata: info.metadata, lifecycle: info.lifecycle, network: info.network, templateId: info.templateId },
    { metadata, lifecycle, network, templateId },
  );
  assert.equal(info.endAt.getTime() - info.startedAt.getTime() < 60_000, true);
  assert.equal(of.endAt.getTime() - of.startedAt.getTime() >= 299_000, true);
  await source.kill();
  assert.equal(await first.isRunning(), true);
  // Without a word it lives as long as with E2B.
  const [status] = await post(used, `/sandboxes/${first.sandboxId}/fork`, {});
  assert.equal(status, 201);
  const record = server.sandboxes().at(-1);
  assert.equal(Math.round(((record?.endAt.getTime() ?? 0) - (record?.startedAt.getTime() ?? 0)) / 1000), 15);
  assert.equal(record?.forkedFrom, first.sandboxId);
});

copyTest("the API's answers tell what became of a fork", async (used) => {
  const { sandbox } = used;
  const path = `/sandboxes/${sandbox.sandboxId}/fork`;
  assert.equal((await post(used, "/sandboxes/none/fork"))[0], 404);
  for (const body of [{ count: 0 }, { count: 101 }, { count: 1.5 }]) {
    const [status, message] = await post(used, path, body);
    assert.deepEqual([status, /count/.test(message)], [400, true]);
  }
  assert.match((await post(used, path, { timeout: -1 })).join(" "), /^400 .*timeout/s);
  assert.match((await post(used, path, { metadata: {} })).join(" "), /^400 .*metadata/s);
  assert.equal((await sandbox.fork({ count: 100, timeoutMs: 60_000 })).length, 100);
});

copyTest("a snapshot outlives its sandbox, until it is deleted", async (used) => {
  const { sandbox, connection, server } = used;
  const { snapshotId, names } = await sandbox.createSnapshot();
  assert.deepEqual(names, []);
  await sandbox.kill();
  const made = await Sandbox.create(snapshotId, { ...connection, metadata: { of: "a snapshot" } });
  assert.equal(server.sandboxes().at(-1)?.forkedFrom, sandbox.sandboxId);
  assert.deepEqual((await made.getInfo()).metadata, { of: "a snapshot" });
  assert.equal(await Sandbox.deleteSnapshot(snapshotId, connection), true);
  assert.equal(await Sandbox.deleteSnapshot(snapshotId, connection), false);
  await assert.rejects(Sandbox.create(snapshotId, connection), /not found/);
  assert.equal(await made.isRunning(), true);
});

copyTest("a snapshot is found by its name, with a tag and without", async (used) => {
  const { sandbox, connection } = used;
  const named = await sandbox.createSnapshot({ name: "mine" });
  assert.deepEqual(named, { snapshotId: "local/mine:default", names: ["local/mine:default"] });
  const tagged = await sandbox.createSnapshot({ name: "mine:v2" });
  const ids = async (name: string) => {
    const page = await Sandbox.listSnapshots({ ...connection, name }).nextItems();
    return page.map(({ snapshotId }) => snapshotId);
  };
  assert.deepEqual(await ids("mine"), [tagged.snapshotId, named.snapshotId]);
  assert.deepEqual(await ids("local/mine:v2"), [tagged.snapshotId]);
  assert.deepEqual(await ids("other"), []);
  const templates = [];
  for (const name of ["mine", "local/mine", "mine:v2", "local/mine:default"]) {
    templates.push((await (await Sandbox.create(name, connection)).getInfo()).templateId);
  }
  assert.equal(new Set(templates).size, 1);
  // A new one of the name takes its place.
  await sandbox.createSnapshot({ name: "mine" });
  assert.deepEqual(await ids("mine"), [named.snapshotId, tagged.snapshotId]);
  assert.equal(await Sandbox.deleteSnapshot("mine:v2", connection), true);
  assert.deepEqual(await ids("mine"), [named.snapshotId]);
  assert.equal(await Sandbox.deleteSnapshot("mine", connection), true);
  assert.deepEqual(await ids("mine"), []);
});

copyTest("snapshots are listed page by page, and by their sandbox", async (used) => {
  const { sandbox, connection } = used;
  const other = await Sandbox.create(connection);
  const taken: string[] = [];
  for (const each of [sandbox, other, sandbox, sandbox]) taken.unshift((await each.createSnapshot()).snapshotId);
  const paginator = Sandbox.listSnapshots({ ...connection, limit: 3 });
  const pages: string[][] = [];
  while (paginator.hasNext) pages.push((await paginator.nextItems()).map(({ snapshotId }) => snapshotId));
  assert.deepEqual(pages, [taken.slice(0, 3), taken.slice(3)]);
  const [own] = await other.listSnapshots().nextItems();
  assert.equal(own?.snapshotId, taken[2]);
});

copyTest("more snapshots than the server has room for are refused in words", async (used) => {
  const { sandbox, machines, connection } = used;
  machines.bytes = 400 * 1024 ** 2;
  await sandbox.createSnapshot({ name: "first" });
  await sandbox.createSnapshot({ name: "second" });
  await assert.rejects(sandbox.createSnapshot({ name: "third" }), /507.*1024 MiB.*delete others/);
  // Another one of a name needs no room for both.
  await sandbox.createSnapshot({ name: "second" });
  assert.equal(await Sandbox.deleteSnapshot("first", connection), true);
  await sandbox.createSnapshot({ name: "third" });
  machines.bytes = 0;
  for (let n = 2; n < 100; n++) await sandbox.createSnapshot();
  await assert.rejects(sandbox.createSnapshot(), /507.*100 snapshots/);
});

copyTest("what is no snapshot's name is refused", async (used) => {
  const { sandbox, server, connection } = used;
  const path = `/sandboxes/${sandbox.sandboxId}/snapshots`;
  assert.match((await post(used, path, { name: "Not A Name" })).join(" "), /^400 .*name/s);
  assert.match((await post(used, path, { name: "base" })).join(" "), /^409 .*template/);
  assert.equal((await post(used, "/sandboxes/none/snapshots"))[0], 404);
  const remove = async (id: string) => {
    const headers = { "X-API-KEY": connection.apiKey };
    const response = await fetch(`${server.url}/templates/${id}`, { method: "DELETE", headers });
    await response.body?.cancel();
    return response.status;
  };
  assert.deepEqual([await remove("base"), await remove("none"), await remove("%zz")], [403, 404, 400]);
});
