/** Of what is installed, and of the client. */
export const VERSION = "0.1.0";
