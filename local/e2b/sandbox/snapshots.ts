import { HttpError } from "../http.ts";
import type { SandboxCheckpoint } from "./sandbox.ts";

const MAX_SNAPSHOTS = 100;
const MAX_BYTES = 1024 ** 3;

/** As E2B writes it before a name: there is one team here. */
const NAMESPACE = "local";
const DEFAULT_TAG = "default";

/** A sandbox's state under a name, from which others are made. It outlives its sandbox, and ends with the server. */
export interface Snapshot {
  readonly templateId: string;
  readonly name: string | null;
  readonly tag: string;
  readonly checkpoint: SandboxCheckpoint;
  /** In the order in which they were taken. */
  readonly sequence: number;
}

/** What a client calls a snapshot: its id or its name, with a tag or without. */
export interface Reference {
  readonly name: string;
  readonly tag: string | null;
}

/** The snapshots of a server. */
export class Snapshots {
  #snapshots: Snapshot[] = [];
  #taken = 0;

  /**
   * Keeps one. It takes the place of another one of its name and tag, and its id with it.
   * @throws {HttpError} 507 when too many are kept
   */
  add(checkpoint: SandboxCheckpoint, reference: Reference | null): Snapshot {
    const [name, tag] = [reference?.name ?? null, reference?.tag ?? DEFAULT_TAG];
    const namesakes = this.#snapshots.filter((snapshot) => name !== null && snapshot.name === name);
    const rest = this.#snapshots.filter((snapshot) => !namesakes.includes(snapshot) || snapshot.tag !== tag);
    const bytes = rest.reduce((sum, each) => sum + each.checkpoint.machine.bytes, checkpoint.machine.bytes);
    if (rest.length >= MAX_SNAPSHOTS || bytes > MAX_BYTES) {
      const limit = `${MAX_SNAPSHOTS} snapshots and ${MAX_BYTES / 1024 ** 2} MiB of them`;
      throw new HttpError(507, `the local sandbox server keeps at most ${limit}, in its memory: delete others`);
    }
    const templateId = namesakes[0]?.templateId ?? randomId();
    const snapshot = { templateId, name, tag, checkpoint, sequence: ++this.#taken };
    this.#snapshots = [...rest, snapshot];
    return snapshot;
  }

  /** The oldest first. */
  all(): readonly Snapshot[] {
    return this.#snapshots;
  }

  /** Without a tag it is the default one. */
  find(reference: Reference): Snapshot | null {
    return this.#snapshots.find(isMeant({ ...reference, tag: reference.tag ?? DEFAULT_TAG })) ?? null;
  }

  /** Without a tag, all of the name; whether there was one. What was made of it goes on. */
  remove(reference: Reference): boolean {
    const rest = this.#snapshots.filter((snapshot) => !isMeant(reference)(snapshot));
    const wasThere = rest.length < this.#snapshots.length;
    this.#snapshots = rest;
    return wasThere;
  }
}

/** Whether a snapshot is called so. */
export function isMeant({ name, tag }: Reference): (snapshot: Snapshot) => boolean {
  return (snapshot) =>
    (tag === null || snapshot.tag === tag) &&
    (name === snapshot.templateId ||
      (snapshot.name !== null && [snapshot.name, fullName(snapshot.name)].includes(name)));
}

/** How a snapshot is called wherever it is told. */
export function idOf({ templateId, name, tag }: Snapshot): string {
  return `${name === null ? templateId : fullName(name)}:${tag}`;
}

function fullName(name: string): string {
  return `${NAMESPACE}/${name}`;
}

function randomId(): string {
  return `snapshot-${crypto.getRandomValues(new Uint8Array(10)).toHex()}`;
}
