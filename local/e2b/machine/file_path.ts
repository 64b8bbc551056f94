import { z } from "zod";

/** The home of the sandbox's user, to which relative paths belong. */
export const HOME = "/home/user";

const MAX_PATH_LENGTH = 1024;

/** An absolute path without `.`, `..` or empty parts, from what a client wrote. */
export function resolvePath(path: string): string {
  const full = path.startsWith("/") ? path : `${HOME}/${path.replace(/^~(?=\/|$)/, "")}`;
  const parts: string[] = [];
  for (const part of full.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** The folder that a path is in; that of the root is the root. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** A path as a client may write it. */
export const clientPath = z.string().max(MAX_PATH_LENGTH).refine((path) => !path.includes("\0"), "path contains NUL")
  .transform(resolvePath);

/** A path as a kernel may report it: resolved, and below the home. */
export const homePath = z.string().max(MAX_PATH_LENGTH).startsWith(`${HOME}/`)
  .refine((path) => resolvePath(path) === path, "path is not resolved");
