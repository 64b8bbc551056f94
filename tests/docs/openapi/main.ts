/** `deno task openapi`: writes docs/openapi.json. */
import { DOCUMENT, openApi } from "./document.ts";

await Deno.writeTextFile(DOCUMENT, openApi());
