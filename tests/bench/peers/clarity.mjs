// Clarity's recorder with its defaults; what it would upload is kept instead.
import { clarity } from "clarity-js";

window.recorded = [];
clarity.start({
  projectId: "bench",
  upload: (payload) => window.recorded.push(payload),
  track: true,
  content: true,
  ...(window.bench ?? {}),
});
