/** What a process of the functions has from the environment of whoever starts it. */

/**
 * By these Deno reaches npm. The first start asks it about each package of the lock file, whose newer form had the
 * answers in it; from then on they are in the cache. Later Denos trust what the system does without being told.
 */
export function downloads(): Record<string, string> {
  return {
    DENO_TLS_CA_STORE: "mozilla,system",
    ...inherited(["DENO_TLS_CA_STORE", "DENO_CERT", "NPM_CONFIG_REGISTRY", "SSL_CERT_FILE", "SSL_CERT_DIR"]),
  };
}

/** Those of this process's environment that it has. */
export function inherited(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }));
}
