/** `deno task lines`: what a user writes by hand, and with the client, as a table. */
import { table } from "./count.ts";

console.log("| to | lines by hand | with the client |\n| --- | --- | --- |");
for (const { what, before, after } of await table()) console.log(`| ${what} | ${before} | ${after} |`);
