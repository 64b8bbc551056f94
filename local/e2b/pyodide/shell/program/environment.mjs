// To be imported before anything else: minimatch asks for a variable when it is loaded, and this process may read none.
Object.defineProperty(globalThis.process, "env", { value: {} });
