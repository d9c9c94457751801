// What every page has: keys, and live parts. Pages work without it.
import "./keys.js";
import "./live.js";
