// Modules under names that say nothing of this machine. A module's own URL is
// in every stack trace and in `location`, where nothing could hide it later.

/** By file, because a module that is loaded under two names is two modules. */
const known = new Map();

/**
 * A URL from which the module, and all that it imports from beside it, can be
 * loaded by any thread of this process. It ends with the module's file name.
 *
 * @param {URL} url of a file
 * @returns {string}
 */
export function withoutPath(url) {
  if (!known.has(url.href)) known.set(url.href, makeBlob(url));
  return known.get(url.href);
}

function makeBlob(url) {
  const source = Deno.readTextFileSync(url).replace(
    /^(import .*? from |\} from )"(\.\.?\/[^"]+)";$/gm,
    (_all, before, specifier) => `${before}${JSON.stringify(withoutPath(new URL(specifier, url)))};`,
  );
  const blob = new Blob([source], { type: "text/javascript" });
  return `${URL.createObjectURL(blob)}#${url.pathname.split("/").at(-1)}`;
}
