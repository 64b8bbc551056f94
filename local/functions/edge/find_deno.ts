/**
 * Prints where npm's Deno is, fetching it when it is not there. A process of its own, without a lock file and not in
 * `deno.json`: what stands there is fetched by whoever runs anything here, for every platform, and this is 40 MB each.
 *
 * Argument: the package, with its version.
 */

const inside = `npm:/${Deno.args[0]}/`;
await import(`${inside}package.json`, { with: { type: "json" } });
console.log(import.meta.resolve(`${inside}deno`));
