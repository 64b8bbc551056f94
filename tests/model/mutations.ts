/** The protocol broken on purpose: each is an `#ifdef` of the model, and the model finds what it breaks. */
import type { Bounds } from "./spin.ts";

export interface Mutation {
  /** As it stands in the model. */
  readonly name: string;
  /** What the broken protocol does. */
  readonly what: string;
  /** The property of the model that it breaks. */
  readonly breaks: string;
  /** Small enough to be quick, large enough to find it. */
  readonly bounds: Bounds;
}

const SMALL: Bounds = { contexts: 3, requests: 2, faults: 1 };
/** Two forks of one source, one that is terminated, and an execution: no fault is needed. */
const FOUR_REQUESTS: Bounds = { contexts: 3, requests: 4, faults: 0 };

export const MUTATIONS: readonly Mutation[] = [
  {
    name: "NO_FENCE",
    what: "a claim is activated without a look whether it has ended",
    breaks: "NO_KILL",
    bounds: SMALL,
  },
  {
    name: "TRUST_METADATA",
    what: "a sandbox is an orphan when the context that its metadata names has ended",
    breaks: "NO_KILL",
    bounds: SMALL,
  },
  {
    name: "NO_WAIT",
    what: "a fork does not wait for what runs in its source",
    breaks: "NO_CUT",
    bounds: SMALL,
  },
  {
    name: "NO_CLOCK",
    what: "a holder who was told that its source is still forks it, however long ago that was",
    breaks: "NO_CUT",
    bounds: SMALL,
  },
  {
    name: "EXECUTION_LOOKS_FIRST",
    what: "an execution looks at fork_until in one statement and begins in the next",
    breaks: "NO_CUT",
    bounds: SMALL,
  },
  {
    name: "WAKE_IGNORES_HOLD",
    what: "an execution that wakes a context does not look at fork_until",
    breaks: "NO_CUT",
    bounds: SMALL,
  },
  {
    name: "RELEASE_ALL",
    what: "a fork that has come lets its source go for all other forks",
    breaks: "NO_CUT",
    bounds: FOUR_REQUESTS,
  },
  {
    name: "RELEASE_ENDED",
    what: "a fork that has come lets its source go for those whose claim has ended, but who do not know it yet",
    breaks: "NO_CUT",
    bounds: FOUR_REQUESTS,
  },
  {
    name: "LET_GO_UNSURE",
    what: "a fork without an answer lets its source go, though E2B may yet come to it",
    breaks: "NO_CUT",
    bounds: SMALL,
  },
  {
    name: "WAITERS_COUNT",
    what: "a fork waits for executions that wait for it",
    breaks: "NOT_STUCK",
    bounds: SMALL,
  },
  {
    name: "ASKS_AGAIN_IN_LINE",
    what:
      "an execution that has begun, and asks again because the answer was lost, waits for the fork that waits for it",
    breaks: "NOT_STUCK",
    bounds: SMALL,
  },
  {
    name: "RELEASE_WAKE_BLINDLY",
    what: "a wake that failed is given back though somebody has used the context since",
    breaks: "NO_LOSS",
    bounds: SMALL,
  },
  {
    name: "KILL_FIRST",
    what: "terminate kills before it marks",
    breaks: "NO_KILL",
    bounds: SMALL,
  },
  {
    name: "ORPHAN_BY_LEASE",
    what: "a sweep takes for an orphan what a claim past its lease made, though that may yet be activated",
    breaks: "NO_KILL",
    bounds: SMALL,
  },
  {
    name: "OWN_METADATA",
    what: "a fork without a source creates a sandbox under its own id, and its row has another lineage",
    breaks: "NO_KILL",
    bounds: SMALL,
  },
  {
    name: "OURS_BY_ID",
    what: "a sweep knows a lineage by its first context's row alone, which is deleted before the forks are",
    breaks: "NO_LEAK",
    bounds: SMALL,
  },
  {
    name: "DELETE_EARLY",
    what: "a failed claim's row is deleted before a sweep has been through E2B's list",
    breaks: "NO_LEAK",
    bounds: SMALL,
  },
];
