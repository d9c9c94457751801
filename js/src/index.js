/** callscope's writer for Node: calls as plain files, in the format that callscope reads. See docs/typescript.md. */

export { CallLog } from "./call-log.js";
export { CallLogger } from "./call-logger.js";
export { resolveLogRoot } from "./settings.js";
export { SCHEMA_VERSION, VERSION } from "./version.js";
