// Static imports of a cell, which only modules have: as dynamic ones whose
// names are constants of the cell, and so there for later cells.

import { builtinModules } from "node:module";

const PARSED_AS = {
  ecmaVersion: "latest",
  sourceType: "module",
  allowAwaitOutsideFunction: true,
  allowHashBang: true,
};

/**
 * The cell with every import on the line on which it was. Code that does not parse is left to V8, which says best what
 * is wrong with it.
 *
 * @param {string} code
 * @param {(code: string, options: object) => { body: object[] }} parse acorn's
 * @throws {Error} for a module that no cell can have, before any of the cell runs
 */
export function withDynamicImports(code, parse) {
  let statements;
  try {
    statements = parse(code, PARSED_AS).body.filter(({ type }) => type === "ImportDeclaration");
  } catch {
    return code;
  }
  let translated = "";
  let at = 0;
  for (const statement of statements) {
    const lines = code.slice(statement.start, statement.end).split("\n").length - 1;
    translated += code.slice(at, statement.start) + dynamic(statement) + "\n".repeat(lines);
    at = statement.end;
  }
  return translated + code.slice(at);
}

function dynamic({ specifiers, source, attributes = [] }) {
  const name = JSON.stringify(resolved(source.value));
  const options = attributes.map(({ key, value }) => `${JSON.stringify(key.name ?? key.value)}: ${value.raw}`);
  const imported = `await import(${name}${options.length > 0 ? `, { with: { ${options.join(", ")} } }` : ""})`;
  const whole = specifiers.find(({ type }) => type === "ImportNamespaceSpecifier")?.local.name;
  const named = specifiers.filter(({ type }) => type !== "ImportNamespaceSpecifier").map((each) => binding(each, name));
  if (whole === undefined && named.length === 0) return `void ${imported};`;
  if (whole === undefined) return `const { ${named.join(", ")} } = ${imported};`;
  return `const ${whole} = ${imported}${named.length > 0 ? `, { ${named.join(", ")} } = ${whole}` : ""};`;
}

function binding({ type, imported, local }, module) {
  const name = JSON.stringify(type === "ImportDefaultSpecifier" ? "default" : imported.name ?? imported.value);
  const words = JSON.stringify(`The requested module ${module} does not provide an export named ${name}`);
  return `${name}: ${local.name} = (() => { throw new SyntaxError(${words}) })()`;
}

function resolved(name) {
  if (/^(node|data|blob):/.test(name)) return name;
  if (builtinModules.includes(name)) return `node:${name}`;
  throw new Error(
    `Cannot import ${JSON.stringify(name)}: this sandbox's JavaScript has the modules of Node ("node:…") alone, ` +
      "no packages and no network.",
  );
}
