/** What pages take as given: what their code needs before it, and what stands for the reader's own in it. */
import { date } from "../support/dates.ts";

export interface Given {
  /** Before all of the page's code. Besides: `url`, `publishableKey`, `service`, `shown`, `sql` of support.ts. */
  readonly before?: string;
  /** Right before the code in which this stands. */
  readonly between?: Readonly<Record<string, string>>;
  /** After all of it, where all of its names are known. */
  readonly after?: string;
  /** What stands there, and what a test says in its place. */
  readonly own?: Readonly<Record<string, string>>;
  /** Whether the code defines tests. */
  readonly isTest?: boolean;
}

const tests = new URL("../", import.meta.url).href;

// It may be tomorrow by the time that the page's code runs.
const [yesterday, tomorrow] = [date(-1), date(1)].map((each) => JSON.stringify(each));

/** By the page's path. */
export const GIVEN: Readonly<Record<string, Given>> = {
  "README.md": {
    before: `const prompt = "What is x + 1?"; const model = mockModel("x + 1");`,
    after: `assert.equal(text, "It is 42.");`,
  },
  "client/README.md": {
    before: `const supabase = createClient(url, publishableKey); await supabase.auth.signInAnonymously();`,
  },
  "docs/client.md": {
    before: `
      const said: string[] = [];
      const show = (text: string) => said.push(text);
      const button: { onclick?: () => void } = {};
      const code = "x";
      const prompt = "What is 6 * 7?"; const model = mockModel("6 * 7");`,
    between: {
      // Its context has slept as long as it may.
      "const { stateNote }": `await reachDeadline(sql, path);`,
    },
    after: `
      assert.equal(said.join(""), "0\\n1\\n2\\n");
      assert.equal(execution.outputs[0].status, "missing");`,
  },
  "docs/api.md": {
    // Here it is the runtime's.
    own: { 'import ws from "ws";': "const ws = WebSocket;", '"2026-11-01"': yesterday, '"2026-11-30"': tomorrow },
    between: {
      "copilot_execution_usage": `await runFor(service, "acme");`,
      // Until somebody has swept it is not well, and a 503 is an error to supabase-js.
      '{ method: "GET" }': `await service.functions.invoke("terminate-context", { body: { due: true } });`,
    },
    after: `assert(is_done);`,
  },
  "docs/architecture.md": { own: { '"../tests/': `"${tests}` }, isTest: true },
};
