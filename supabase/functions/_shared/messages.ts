/** What the schemas say of what does not fit: zod's English, which its small build leaves to those who want it. */
import en from "zod/v4/locales/en.js";
import * as z from "zod/mini";

z.config(en());
