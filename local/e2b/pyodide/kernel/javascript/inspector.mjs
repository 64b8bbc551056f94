// Evaluates cells as a console does, with V8's own inspector: top-level await,
// constants that may be declared again, and a last value. The inspector's
// session is inside this thread; no port is opened.

import { Session } from "node:inspector";

export class Inspector {
  #session = new Session();
  #receiver;
  // By evaluation: one that was given up may still end during the next.
  #received = new Map();
  #last = 0;

  /** Needs the permission `sys`, once. */
  async open() {
    this.#session.connect();
    const name = `receive${crypto.randomUUID()}`;
    globalThis[name] = (evaluation, value) => this.#received.set(evaluation, value);
    const { result } = await this.#post("Runtime.evaluate", { expression: `globalThis["${name}"]` });
    this.#receiver = result.objectId;
    delete globalThis[name];
  }

  /** The value of a cell, or what it threw, and where if that has no stack. */
  async evaluate(expression) {
    const evaluation = ++this.#last;
    const objectGroup = `cell ${evaluation}`;
    const { result, exceptionDetails } = await this.#post("Runtime.evaluate", {
      expression,
      replMode: true,
      awaitPromise: true,
      objectGroup,
    });
    const value = await this.#receive(evaluation, exceptionDetails?.exception ?? result);
    await this.#post("Runtime.releaseObjectGroup", { objectGroup });
    return { threw: exceptionDetails !== undefined, value, details: exceptionDetails };
  }

  /** The inspector describes values to other processes; in this one they can be had. */
  async #receive(evaluation, { objectId, value, unserializableValue }) {
    await this.#post("Runtime.callFunctionOn", {
      objectId: this.#receiver,
      functionDeclaration: "function (evaluation, value) { this(evaluation, value) }",
      arguments: [{ value: evaluation }, { objectId, value, unserializableValue }],
    });
    const received = this.#received.get(evaluation);
    this.#received.delete(evaluation);
    return received;
  }

  #post(method, parameters) {
    return new Promise((resolve, reject) => {
      this.#session.post(method, parameters, (error, result) => error ? reject(error) : resolve(result));
    });
  }
}
