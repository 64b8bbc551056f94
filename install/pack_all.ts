/** `deno task pack`: the packages for npm, in `.local`. */
import { fileURLToPath } from "node:url";
import { packClient } from "../client/package/pack.ts";
import { packInstaller } from "./pack.ts";

const directory = fileURLToPath(new URL("../.local", import.meta.url));
for (const pack of [packInstaller, packClient]) console.log(await pack(directory));
