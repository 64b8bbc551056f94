/** E2B is reached where its SDK reaches it, whatever the settings. */
import { ConnectionConfig } from "e2b";
import assert from "node:assert/strict";
import { Addresses } from "../../supabase/functions/_shared/sandbox/addresses.ts";

const settings = {
  "none": {},
  "another domain": { domain: "example.org" },
  "a staging domain": { domain: "e2b-staging.dev" },
  "another API": { apiUrl: "https://api.example.org" },
  "an API below a path": { apiUrl: "https://example.org/e2b" },
  "another API and domain": { apiUrl: "https://api.example.org", domain: "example.org" },
  "another sandbox server": { sandboxUrl: "http://127.0.0.1:49983" },
  "a sandbox server below a path": { sandboxUrl: "https://example.org/sandboxes" },
  "everything": { apiUrl: "http://127.0.0.1:1", sandboxUrl: "http://127.0.0.1:2", domain: "example.org" },
};
const sandboxId = "i1a2b3c4d5e6f7g8h9i0j";
/** What E2B says of a sandbox's own; its own SDK reads an empty text as none. */
const domains = [undefined, null, "", "e2b.app", "e2b.dev", "e2b.pro", "cluster.example.org"];

for (const [name, given] of Object.entries(settings)) {
  Deno.test(`addresses with these settings: ${name}`, () => {
    const sdk = new ConnectionConfig({ ...given, apiKey: "e2b_00" });
    const ours = new Addresses(given);
    assert.equal(ours.api(), sdk.apiUrl);
    for (const domain of domains) {
      for (const port of [49999, 49983]) {
        const options = { sandboxDomain: domain || sdk.domain, envdPort: port };
        const at = { sandboxId, port, domain };
        assert.equal(ours.direct(at), sdk.getSandboxDirectUrl(sandboxId, options));
        assert.equal(ours.files(at), sdk.getSandboxUrl(sandboxId, options));
      }
    }
  });
}

Deno.test("a slash at the end of a setting does no harm", () => {
  const ours = new Addresses({ apiUrl: "http://127.0.0.1:1/", sandboxUrl: "http://127.0.0.1:2/" });
  const at = { sandboxId, port: 49999 };
  assert.deepEqual([ours.api(), ours.direct(at), ours.files(at)], [
    "http://127.0.0.1:1",
    "http://127.0.0.1:2",
    "http://127.0.0.1:2",
  ]);
});
