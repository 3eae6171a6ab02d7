// rrweb's recorder as its guide installs it; `window.bench` says how, before this runs.
import { record } from "@rrweb/record";

window.recorded = [];
record({ emit: (event) => window.recorded.push(event), ...(window.bench ?? {}) });
