/** Says to the compiler that two types are the same. */

/** True for the same type; else no type that `true` has. An optional field counts as another than one that is missing. */
export type Same<One, Other> = (<T>() => T extends One ? 1 : 2) extends (<T>() => T extends Other ? 1 : 2) ? true
  : { readonly differ: [One, Other] };

/** True where each may be given for the other: of unions of what is read-only. */
export type Alike<One, Other> = [One] extends [Other] ? [Other] extends [One] ? true : { readonly lacks: Other }
  : { readonly lacks: One };

/** To be called with `true` for each pair, in its order: what is not the same does not compile. */
export function holds<_Pairs extends readonly true[]>(): void {}
