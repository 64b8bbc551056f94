/** The types of the npm package: those of the client, and of the contract what its schemas come to, without zod. */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { compilerHost, ts } from "./compiler.ts";

const CLIENT = fileURLToPath(new URL("../", import.meta.url));
const CONTRACT = fileURLToPath(new URL("../contract.ts", import.meta.url));
const ENTRY = fileURLToPath(new URL("../mod.ts", import.meta.url));

/** What the modules import that is no file beside them. */
const PACKAGES = ["zod/mini", "eventsource-parser"];

const OPTIONS: ts.CompilerOptions = {
  allowImportingTsExtensions: true,
  declaration: true,
  emitDeclarationOnly: true,
  lib: ["lib.es2024.d.ts", "lib.dom.d.ts", "lib.dom.asynciterable.d.ts"],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  strict: true,
  target: ts.ScriptTarget.ES2022,
  types: [],
};

/**
 * The texts of the declaration files, by their paths.
 * @throws {Error} when the client does not compile
 */
export function declarations(): Map<string, string> {
  const program = ts.createProgram([ENTRY], OPTIONS, host());
  const problems = ts.getPreEmitDiagnostics(program).map(({ messageText, file }) =>
    `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`
  );
  if (problems.length > 0) throw new Error(problems.join("\n"));
  const files = new Map<string, string>();
  for (const source of program.getSourceFiles()) {
    if (!source.fileName.startsWith(CLIENT)) continue;
    const path = relative(CLIENT, source.fileName).replace(/\.ts$/, ".d.ts");
    program.emit(
      source,
      (_path, text) => files.set(path, text.replaceAll(/(from "\.[\w./]*)\.ts"/g, '$1.js"')),
      undefined,
      true,
    );
  }
  return files.set("contract.d.ts", contract(program));
}

/** Finds packages where Deno has them, and whose types lie beside their modules. */
function host(): ts.CompilerHost {
  const host = compilerHost(OPTIONS);
  host.resolveModuleNameLiterals = (names, from, _redirected, options) =>
    names.map(({ text }) => {
      if (!PACKAGES.includes(text)) return ts.resolveModuleName(text, from, options, host);
      const resolvedFileName = fileURLToPath(import.meta.resolve(text)).replace(/\.js$/, ".d.ts");
      return { resolvedModule: { resolvedFileName, extension: ts.Extension.Dts, isExternalLibraryImport: true } };
    });
  return host;
}

function contract(program: ts.Program): string {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(CONTRACT);
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error("The contract is not a part of the client.");
  const types = new Map(
    checker.getExportsOfModule(module).map((symbol) => {
      const meant = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      return [checker.getDeclaredTypeOfSymbol(meant), { name: symbol.name, meant }];
    }),
  );
  const print = printer(checker, (type) => types.get(type)?.name);
  return Array.from(
    types,
    ([type, { name, meant }]) =>
      `${documentation(meant, checker, "")}export type ${name} = ${print.members(type, "")};\n`,
  ).join("\n");
}

function documentation(symbol: ts.Symbol, checker: ts.TypeChecker, indent: string): string {
  const text = ts.displayPartsToString(symbol.getDocumentationComment(checker));
  return text === "" ? "" : `${indent}/** ${text.replaceAll("\n", `\n${indent} * `)} */\n`;
}

/** Writes types out, down to what has a name, or is TypeScript's own. */
function printer(checker: ts.TypeChecker, nameOf: (type: ts.Type) => string | undefined) {
  const print = (type: ts.Type, indent: string): string => nameOf(type) ?? members(type, indent);
  const members = (type: ts.Type, indent: string): string => {
    if (type.flags & ts.TypeFlags.Boolean) return "boolean";
    if (type.isUnion()) return unionOf(type.types.map((part) => print(part, indent)));
    const element = checker.isArrayType(type) ? checker.getIndexTypeOfType(type, ts.IndexKind.Number) : undefined;
    if (element !== undefined) return `Array<${print(element, indent)}>`;
    if (!(type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection))) return checker.typeToString(type);
    const inner = `${indent}  `;
    const indexes = checker.getIndexInfosOfType(type).map(({ keyType, type }) =>
      `${inner}[name: ${checker.typeToString(keyType)}]: ${print(type, inner)};\n`
    );
    const fields = checker.getPropertiesOfType(type).map((field) => {
      const isOptional = Boolean(field.flags & ts.SymbolFlags.Optional);
      const given = checker.getTypeOfSymbol(field);
      const parts = isOptional && given.isUnion() ? given.types : [given];
      const there = parts.filter(({ flags }) => !(flags & ts.TypeFlags.Undefined)).map((part) => print(part, inner));
      return `${documentation(field, checker, inner)}${inner}${field.name}${isOptional ? "?" : ""}: ${
        unionOf(there)
      };\n`;
    });
    return `{\n${[...indexes, ...fields].join("")}${indent}}`;
  };
  return { members };
}

/** The compiler has `boolean` as two. */
function unionOf(parts: readonly string[]): string {
  const isBoolean = parts.includes("true") && parts.includes("false");
  const rest = parts.filter((part) => !isBoolean || (part !== "true" && part !== "false"));
  return [...new Set([...(isBoolean ? ["boolean"] : []), ...rest])].join(" | ");
}
