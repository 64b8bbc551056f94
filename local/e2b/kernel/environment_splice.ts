import type { Language } from "../machine/language.ts";

type Variables = Readonly<Record<string, string>>;

/**
 * The code of a cell behind lines that set its variables.
 *
 * UNSAFE ON PURPOSE: nothing is escaped. A quote or a newline in a name or a
 * value breaks the cell or runs as code, because that is what E2B's own server
 * does with it. Clients must be tested against the dangerous thing.
 */
export function withVariables(language: Language, code: string, variables: Variables): string {
  const lines = Object.entries(variables).map(([name, value]) => setting(language, name, value));
  if (lines.length === 0) return code;
  return `${indented(`\n${lines.join("\n")}`, indentation(code))}\n${code}`;
}

/** The cell that takes the variables away again: those of the sandbox get their own value back. */
export function withoutVariables(language: Language, variables: Variables, ofSandbox: Variables): string {
  return Object.keys(variables).map((name) => {
    const value = Object.hasOwn(ofSandbox, name) ? ofSandbox[name] : undefined;
    return value === undefined ? deletion(language, name) : setting(language, name, value);
  }).join("\n");
}

function setting(language: Language, name: string, value: string): string {
  switch (language) {
    case "python":
      return `import os; os.environ['${name}'] = '${value}'`;
    case "javascript":
    case "typescript":
      return `process.env['${name}'] = '${value}'`;
    case "r":
      return `Sys.setenv(${name} = "${value}")`;
    case "bash":
      return `export ${name}='${value}'`;
  }
}

function deletion(language: Language, name: string): string {
  switch (language) {
    case "python":
      return `import os; del os.environ['${name}']`;
    case "javascript":
    case "typescript":
      return `delete process.env['${name}']`;
    case "r":
      return `Sys.unsetenv("${name}")`;
    case "bash":
      return `unset ${name}`;
  }
}

function indentation(code: string): string {
  const first = code.split("\n").find((line) => line.trim() !== "") ?? "";
  return first.slice(0, first.length - first.trimStart().length);
}

function indented(code: string, by: string): string {
  return code.split("\n").map((line) => line.trim() === "" ? line : by + line).join("\n");
}
