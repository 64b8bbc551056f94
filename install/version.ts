/** Of what this copy installs. */
export const VERSION = "0.1.0";
