/** What an operator sees, of all tenants. The local stack asks with the secret key, for pages of this machine alone. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import * as z from "zod/mini";

const operatorSchema = z.object({
  is_healthy: z.boolean(),
  problems: z.array(z.string()),
  last_sweep_at: z.nullable(z.string()),
  contexts: z.record(z.string(), z.int()),
  kills_owed: z.int(),
  orphans_found: z.int(),
  tenants: z.array(z.object({ tenant_id: z.string(), awake: z.int(), asleep: z.int(), executions: z.int() })),
  executions: z.record(z.string(), z.int()),
  latencies: z.array(z.object({ name: z.string(), p50: z.number(), p95: z.number(), count: z.int() })),
});

const seen = signal<z.infer<typeof operatorSchema> | null>(null);
const problem = signal<string | null>(null);

const LOOK_MILLISECONDS = 2_000;

async function look(): Promise<void> {
  try {
    const response = await fetch("/operator");
    if (!response.ok) throw new Error(await response.text());
    seen.value = operatorSchema.parse(await response.json());
    problem.value = null;
  } catch (error) {
    problem.value = error instanceof Error ? error.message : String(error);
  }
}

export function OperatorView() {
  useEffect(() => {
    void look();
    const timer = setInterval(() => document.visibilityState === "visible" && look(), LOOK_MILLISECONDS);
    return () => clearInterval(timer);
  }, []);
  const now = seen.value;
  return (
    <section class="operator">
      <h2>Operator</h2>
      {problem.value !== null && <p class="failure" role="alert">{problem.value}</p>}
      {now !== null && (
        <>
          <p role="status" class={now.is_healthy ? "well" : "failure"}>
            {now.is_healthy ? "All is well." : now.problems.join(" ")}
            {now.last_sweep_at !== null && ` The last sweep ended at ${timeOf(now.last_sweep_at)}.`}
          </p>
          <div class="numbers">
            <Numbers title="Contexts" of={now.contexts} />
            <Numbers title="Executions of the last hour" of={now.executions} />
            <Numbers title="Sandboxes" of={{ "kills owed": now.kills_owed, "orphans found": now.orphans_found }} />
          </div>
          <NumbersTable
            title="Tenants by use"
            head={["tenant", "awake", "asleep", "executions, last hour"]}
            rows={now.tenants.map(({ tenant_id, awake, asleep, executions }) => ({
              name: tenant_id,
              numbers: [awake, asleep, executions],
            }))}
          />
          <NumbersTable
            title="Requests since the stack began, in milliseconds"
            head={["function", "half of them within", "95 % within", "requests"]}
            rows={now.latencies.map(({ name, p50, p95, count }) => ({
              name,
              numbers: [Math.round(p50), Math.round(p95), count],
            }))}
          />
        </>
      )}
    </section>
  );
}

function timeOf(at: string): string {
  return new Date(at).toLocaleTimeString();
}

function Numbers({ title, of }: { readonly title: string; readonly of: Readonly<Record<string, number>> }) {
  return (
    <section>
      <h3>{title}</h3>
      <dl>
        {Object.entries(of).map(([name, count]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{count}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

interface NumbersTableProps {
  readonly title: string;
  /** Of what names a row, and of its numbers. */
  readonly head: readonly string[];
  readonly rows: readonly { readonly name: string; readonly numbers: readonly number[] }[];
}

function NumbersTable({ title, head, rows }: NumbersTableProps) {
  return (
    <div class="table" tabIndex={0} role="region" aria-label={title}>
      <table>
        <caption>{title}</caption>
        <thead>
          <tr>{head.map((name) => <th key={name} scope="col">{name}</th>)}</tr>
        </thead>
        <tbody>
          {rows.map(({ name, numbers }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {numbers.map((number, at) => <td key={at}>{number}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
