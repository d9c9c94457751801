/** The version of this writer; tests hold it to package.json. */
export const VERSION = "0.1.0";
export const SCHEMA_VERSION = "1.0";
