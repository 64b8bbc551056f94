/**
 * What opens a sandbox's ports, as a row may hold it: encrypted, so that whoever has a copy of the database opens no
 * sandbox. The key is derived from the account's, which is no secret to whoever may open sandboxes; with another one, what
 * was sealed before is not known any more, and E2B is asked.
 */
import { Buffer } from "node:buffer";
import * as z from "zod/mini";

const ALGORITHM = "AES-GCM";
/** As AES-GCM wants it (NIST SP 800-38D, 8.2): made anew for each text. */
const NONCE_BYTES = 12;
const PURPOSE = "execution-contexts: access to sandboxes";

export const accessSchema = z.object({
  envdVersion: z.string(),
  domain: z.nullish(z.string()),
  envdAccessToken: z.optional(z.string()),
  trafficAccessToken: z.nullish(z.string()),
});
/** What stays the same for a sandbox's life. */
export type Access = z.infer<typeof accessSchema>;

const keys = new Map<string, Promise<CryptoKey>>();

/** Encrypts it for one sandbox: it opens no other. */
export async function seal(apiKey: string, sandboxId: string, access: Access): Promise<string> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const text = new TextEncoder().encode(JSON.stringify(accessSchema.parse(access)));
  const sealed = await crypto.subtle.encrypt(parameters(nonce, sandboxId), await keyOf(apiKey), text);
  return Buffer.concat([nonce, new Uint8Array(sealed)]).toString("base64");
}

/** Null: it was sealed under another key, or for another sandbox, or in another form. */
export async function unseal(apiKey: string, sandboxId: string, sealed: string): Promise<Access | null> {
  const bytes = new Uint8Array(Buffer.from(sealed, "base64"));
  const nonce = bytes.subarray(0, NONCE_BYTES);
  try {
    const key = await keyOf(apiKey);
    const text = await crypto.subtle.decrypt(parameters(nonce, sandboxId), key, bytes.subarray(NONCE_BYTES));
    return accessSchema.safeParse(JSON.parse(new TextDecoder().decode(text))).data ?? null;
  } catch (thrown) {
    if (thrown instanceof DOMException || thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}

function parameters(nonce: Uint8Array, sandboxId: string) {
  return { name: ALGORITHM, iv: new Uint8Array(nonce), additionalData: new TextEncoder().encode(sandboxId) };
}

async function keyOf(apiKey: string): Promise<CryptoKey> {
  const known = keys.get(apiKey);
  if (known) return await known;
  const derived = derive(apiKey);
  keys.set(apiKey, derived);
  return await derived;
}

async function derive(apiKey: string): Promise<CryptoKey> {
  const encoder = new TextEncoder();
  const secret = await crypto.subtle.importKey("raw", encoder.encode(apiKey), "HKDF", false, ["deriveKey"]);
  return await crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: encoder.encode(PURPOSE) },
    secret,
    { name: ALGORITHM, length: 256 },
    false,
    ["encrypt", "decrypt"],
  );
}
