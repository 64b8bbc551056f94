import type { Case } from "./case.ts";
import { CODE } from "./code.ts";
import { COMMANDS } from "./commands.ts";
import { FILES } from "./files.ts";
import { LIFECYCLE } from "./lifecycle.ts";

export const CASES: readonly Case[] = [...LIFECYCLE, ...CODE, ...FILES, ...COMMANDS];
