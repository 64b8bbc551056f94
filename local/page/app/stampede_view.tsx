/** Many callers at once on a new path: one sandbox. And what the order of calls does that this project replaces. */
import { signal } from "@preact/signals";
import * as z from "zod/mini";
import { supabase } from "./account.ts";
import { stack } from "./stack.ts";

const sideSchema = z.object({
  /** Each caller: what kept it from a sandbox, if anything did. */
  callers: z.array(z.object({ error: z.nullable(z.string()) })),
  created: z.int(),
  killed: z.int(),
});
type Side = z.infer<typeof sideSchema>;
const answerSchema = z.object({ ours: sideSchema, before: z.nullable(sideSchema) });

const outcome = signal<z.infer<typeof answerSchema> | null>(null);
const problem = signal<string | null>(null);
const isRunning = signal(false);

async function stampede(callers: number): Promise<void> {
  isRunning.value = true;
  outcome.value = null;
  problem.value = null;
  try {
    const { data } = await supabase.auth.getSession();
    const response = await fetch("/stampede", {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${data.session?.access_token}` },
      body: JSON.stringify({ callers }),
    });
    if (!response.ok) throw new Error(await response.text());
    outcome.value = answerSchema.parse(await response.json());
  } catch (error) {
    problem.value = error instanceof Error ? error.message : String(error);
  }
  isRunning.value = false;
}

export function StampedeView() {
  return (
    <section class="stampede" aria-busy={isRunning.value}>
      <h2>Stampede</h2>
      <p>
        Callers who come at the same moment to a path that has no sandbox yet, each in a request of its own
        {stack.isLocal &&
          "; and the same of the order of calls that this replaces, with the 80 ms that E2B takes to make a sandbox"}.
      </p>
      <p class="buttons">
        {[10, 100].map((callers) => (
          <button
            key={callers}
            type="button"
            disabled={isRunning.value}
            onClick={() => stampede(callers)}
          >
            {`${callers} callers`}
          </button>
        ))}
      </p>
      <p class="legend">
        <span>
          <i aria-hidden="true" /> a caller
        </span>
        <span>
          <b aria-hidden="true" /> the sandbox that they share
        </span>
        <span>
          <b class="wasted" aria-hidden="true" /> one that was made for nothing, and killed
        </span>
      </p>
      <div aria-live="polite">
        {isRunning.value && <p>They are on their way …</p>}
        {problem.value !== null && <p class="failure" role="alert">{problem.value}</p>}
        {outcome.value !== null && (
          <div class="sides">
            <SideView title="Here: the path is claimed before a sandbox is made" side={outcome.value.ours} />
            {outcome.value.before !== null && (
              <SideView title="Before: look, make a sandbox, then insert the row" side={outcome.value.before} />
            )}
          </div>
        )}
      </div>
      {!stack.isLocal && <p>Its comparison is left out: it would make sandboxes that cost something.</p>}
    </section>
  );
}

function SideView({ title, side: { callers, created, killed } }: { readonly title: string; readonly side: Side }) {
  const failed = callers.filter(({ error }) => error !== null).length;
  const [why] = callers.flatMap(({ error }) => error ?? []);
  const sentence = `${callers.length} callers, ${created} ${created === 1 ? "sandbox" : "sandboxes"} made` +
    `${killed > 0 ? `, ${killed} of them for nothing` : ""}${failed > 0 ? `, ${failed} callers failed` : ""}`;
  return (
    <figure>
      <figcaption>
        <strong>{title}</strong>
        <span>{sentence}</span>
        {why !== undefined && <span class="failure">{why}</span>}
      </figcaption>
      <div class="dots" role="img" aria-label={sentence}>
        <div>
          {callers.map(({ error }, at) => <i key={at} class={error === null ? "caller" : "caller failed"} />)}
        </div>
        <span>↓</span>
        <div>
          {Array.from({ length: created }, (_, at) => <b key={at} class={at < created - killed ? "" : "wasted"} />)}
        </div>
      </div>
    </figure>
  );
}
