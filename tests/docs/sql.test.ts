/** The SQL of the pages runs. That of docs/operating.md is run by tests/operating/, which also see what comes of it. */
import assert from "node:assert/strict";
import { addVault } from "../operating/project.ts";
import { useDatabase } from "../support/database.ts";
import { readPages } from "./pages.ts";

const database = useDatabase({ max: 1, onnotice: () => {} });

/** What the reader's project has, and this database has not. */
const THEIRS = "create table public.members (chat_id text, user_id uuid)";
/** Of an extension that cannot be installed here: its face is made before. */
const EXTENSION = "create extension if not exists pg_net;";

const snippets = (await readPages()).filter(({ path }) => path !== "docs/operating.md").flatMap((
  { path, blocks, names },
) =>
  [
    ...blocks.filter(({ language }) => language === "sql").map(({ code }) => code),
    ...names.filter((name) => /^(update|select|insert into|delete from) /.test(name)),
  ].map((sql) => ({ path, sql }))
);

Deno.test("there is SQL to be run", () => assert(snippets.length >= 4));

for (const [index, { path, sql }] of snippets.entries()) {
  Deno.test(`${path}: SQL ${index + 1} runs`, async () => {
    const rollback = new Error("rolled back");
    const run = database.sql.begin(async (transaction) => {
      await transaction.unsafe(THEIRS);
      await addVault(transaction);
      await transaction.unsafe(sql.replace(EXTENSION, "")).simple();
      throw rollback;
    });
    await assert.rejects(run, (thrown) => {
      if (thrown !== rollback) throw thrown;
      return true;
    });
  });
}
