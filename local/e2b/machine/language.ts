/** The languages in which kernels exist, by E2B's names. */
export type Language = "python" | "javascript" | "typescript" | "r" | "bash";
