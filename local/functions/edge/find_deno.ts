/**
 * Prints where npm's Deno for this machine is, the one that `deno.json` pins, fetching it when it is not there. A process
 * of its own, without a lock file: whatever one names is fetched by every start of anything here, and this is 40 MB.
 *
 * Argument: what npm calls the platform.
 */

const name = `@deno/${Deno.args[0]}/`;
await import(`${name}package.json`, { with: { type: "json" } });
console.log(import.meta.resolve(`${name}deno`));
