/**
 * TypeScript's compiler, out of a package that has it within: with one named `typescript` in this workspace, Deno would
 * give it to those packages of the functions that take it where it is there.
 */
import { getLibFiles, libFolderInMemoryPath, ts } from "@ts-morph/common";

export { ts };

const LIBRARY = new Map(getLibFiles().map(({ fileName, text }) => [`${libFolderInMemoryPath}/${fileName}`, text]));

/** Has the language's own declarations in memory. */
export function compilerHost(options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  return Object.assign(host, {
    getDefaultLibLocation: () => libFolderInMemoryPath,
    getDefaultLibFileName: () => `${libFolderInMemoryPath}/lib.d.ts`,
    fileExists: (path: string) => LIBRARY.has(path) || fileExists(path),
    readFile: (path: string) => LIBRARY.get(path) ?? readFile(path),
    getSourceFile: (...[path, version, ...rest]: Parameters<typeof getSourceFile>) => {
      const text = LIBRARY.get(path);
      return text === undefined ? getSourceFile(path, version, ...rest) : ts.createSourceFile(path, text, version);
    },
  });
}
