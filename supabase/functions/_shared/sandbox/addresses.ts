/** Where E2B is reached: its control plane, and the ports of a sandbox. As the SDK has it (e2b's `ConnectionConfig`). */
import type { Config } from "../config.ts";

const DOMAIN = "e2b.app";
/** At these, one host takes the files of all sandboxes, and looks into the headers for which one is meant. */
const ONE_HOST_DOMAINS = ["e2b.app", "e2b.dev", "e2b.pro", "e2b-staging.dev"];

/** A port of a sandbox. `domain`: E2B's word of where this one is; without it, it is where all are. */
export interface SandboxPort {
  readonly sandboxId: string;
  readonly port: number;
  readonly domain?: string | null;
}

/** All are given without a slash at their end. */
export class Addresses {
  constructor(private readonly settings: Omit<Config["e2b"], "apiKey">) {}

  /** Of the control plane. */
  api(): string {
    return withoutSlash(this.settings.apiUrl ?? `https://api.${this.#domain()}`);
  }

  /** Of whoever listens on a port. */
  direct(at: SandboxPort): string {
    return this.#another() ?? host(at, this.#domain(at));
  }

  /** Of E2B's own server in the sandbox, which has its files. */
  files(at: SandboxPort): string {
    const domain = this.#domain(at);
    return this.#another() ?? (ONE_HOST_DOMAINS.includes(domain) ? `https://sandbox.${domain}` : host(at, domain));
  }

  /** Of a server that stands in for all sandboxes. */
  #another(): string | undefined {
    return this.settings.sandboxUrl && withoutSlash(this.settings.sandboxUrl);
  }

  #domain(at?: SandboxPort): string {
    return at?.domain || (this.settings.domain ?? DOMAIN);
  }
}

function host({ port, sandboxId }: SandboxPort, domain: string): string {
  return `https://${port}-${sandboxId}.${domain}`;
}

function withoutSlash(url: string): string {
  return url.replace(/\/$/, "");
}
