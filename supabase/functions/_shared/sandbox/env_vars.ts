/** Environment variables of one run, made safe for how E2B's template sets them. */
import type { Language } from "../contract/execute_code.ts";

/**
 * The template writes values between quotes into the code, as they are (`_set_env_var_snippet` in e2b-dev's
 * code-interpreter, template/server/messaging.py), so each has to be what its language reads between those quotes.
 * Whatever could end the literal or the line is escaped, by the lists that Python's, JavaScript's, R's, Java's and
 * Bash's manuals give for their literals.
 */
const literals: Record<Language, (value: string) => string> = {
  // os.environ['K'] = '…'. IPython splits cells at the line ends of Unicode too.
  python: (value) => value.replace(/[\\'"\p{Cc}\u2028\u2029]/gu, backslashed(unicode)),
  // process.env['K'] = '…'
  javascript: (value) => value.replace(/[\\'"\p{Cc}\u2028\u2029]/gu, backslashed(unicode)),
  typescript: (value) => literals.javascript(value),
  // Sys.setenv(K = "…")
  r: (value) => value.replace(/[\\'"\p{Cc}\u2028\u2029]/gu, backslashed(unicode)),
  // System.setProperty("K", "…"). Octal, because Java reads \u before it looks for quotes and line ends.
  java: (value) => value.replace(/[\\'"\p{Cc}]/gu, backslashed(octal)),
  // export K='…'. Nothing is an escape in there, so it ends before such a character, which follows quoted otherwise.
  bash: (value) => value.replace(/['\p{Cc}]/gu, (character) => `'$'${unicode(character)}''`),
};

function backslashed(control: (character: string) => string) {
  return (character: string) => /[\\'"]/.test(character) ? `\\${character}` : control(character);
}

function unicode(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function octal(character: string): string {
  return `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`;
}

/** The variables as the template wants them, before code in this language. */
export function splicedEnvs(language: Language, envs: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(envs).map(([name, value]) => [name, literals[language](value)]));
}

/** The code as it can stand behind them: the template ends their lines without a semicolon, and JavaScript would go on. */
export function behindEnvs(language: Language, code: string): string {
  return language === "javascript" || language === "typescript" ? `;${code}` : code;
}
