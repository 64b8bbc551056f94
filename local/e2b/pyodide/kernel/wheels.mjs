// The packages that were fetched for this sandbox, as files that are open:
// each is read only when a cell imports it, and by then nothing can be opened.

/**
 * @param {Record<string, string>} paths of wheels, by package
 * @returns {{ places: Record<string, number>, read: (place: number) => Uint8Array }}
 */
export function openWheels(paths) {
  const files = Object.values(paths).map((path) => ({ file: Deno.openSync(path), size: Deno.statSync(path).size }));
  const read = (place) => {
    const { file, size } = files[place];
    const bytes = new Uint8Array(size);
    file.seekSync(0, Deno.SeekMode.Start);
    for (let at = 0; at < size;) {
      const more = file.readSync(bytes.subarray(at));
      if (more === null) break;
      at += more;
    }
    return bytes;
  };
  return { places: Object.fromEntries(Object.keys(paths).map((name, index) => [name, index])), read };
}
