/** The trace that a caller's request is part of, as its `traceparent` says (w3.org/TR/trace-context-1). */

export interface TraceContext {
  /** Of the whole trace. */
  readonly traceId: string;
  /** Of the caller's span, which ours would be a child of. */
  readonly parentId: string;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;

/** Reads the header. Undefined where it is not what the specification says: then the request is part of no trace. */
export function readTraceparent(header: string | null): TraceContext | undefined {
  const [, version, traceId, parentId, more] = TRACEPARENT.exec(header ?? "") ?? [];
  if (traceId === undefined || parentId === undefined) return undefined;
  // Later versions may say more, behind what this one says.
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return undefined;
  return { traceId, parentId };
}
