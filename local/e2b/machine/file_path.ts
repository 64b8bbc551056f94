import { z } from "zod";

/** The home of the sandbox's user, to which relative paths belong. */
export const HOME = "/home/user";

const MAX_PATH_LENGTH = 1024;

/** An absolute path without `.`, `..` or empty parts, from what a client wrote; a relative one begins at `home`. */
export function resolvePath(path: string, home: string = HOME): string {
  const full = path.startsWith("/") ? path : `${home}/${path.replace(/^~(?=\/|$)/, "")}`;
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

/** A path as a client may write it whose home is `home`; an empty one is the home. */
export function clientPathOf(home: string) {
  return z.string().max(MAX_PATH_LENGTH).refine((path) => !path.includes("\0"), "path contains NUL")
    .refine((path) => !/^~[^/]/.test(path), "path begins with another user's home")
    .default("").transform((path) => resolvePath(path, home));
}

/** A path as a kernel may report it: resolved, and below the home. */
export const homePath = z.string().max(MAX_PATH_LENGTH).startsWith(`${HOME}/`)
  .refine((path) => resolvePath(path) === path, "path is not resolved");
