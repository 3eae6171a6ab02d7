// Everything the extension stores, as text by name; runs in one of its own pages.
async () => {
  const bytes = (value) => value instanceof ArrayBuffer ? new Uint8Array(value)
    : ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : null;
  const show = (value, depth = 0) => {
    const raw = bytes(value);
    if (raw) return "bytes " + Array.from(raw, (b) => String.fromCharCode(b)).join("")
      + " hex " + Array.from(raw, (b) => b.toString(16).padStart(2, "0")).join("");
    if (value === null || typeof value !== "object") return String(value);
    if (depth > 12) return "...";
    if (Array.isArray(value)) return "[" + value.map((v) => show(v, depth + 1)).join(",") + "]";
    if (value instanceof Map) return show([...value], depth);
    if (value instanceof CryptoKey) return "CryptoKey " + value.algorithm.name;
    const fields = Object.entries(value).map(([k, v]) => k + ":" + show(v, depth + 1));
    return "{" + fields.join(",") + "}";
  };
  const dump = {};
  for (const area of ["local", "session", "sync", "managed"]) {
    try { dump["storage." + area] = show(await chrome.storage[area].get(null)); } catch {}
  }
  for (const { name, version } of await indexedDB.databases()) {
    const db = await new Promise((ok, no) => {
      const open = indexedDB.open(name, version);
      open.onsuccess = () => ok(open.result);
      open.onerror = () => no(open.error);
    });
    for (const store of db.objectStoreNames) {
      const rows = await new Promise((ok, no) => {
        const objects = db.transaction(store).objectStore(store);
        const found = [];
        const cursor = objects.openCursor();
        cursor.onerror = () => no(cursor.error);
        cursor.onsuccess = () => {
          if (!cursor.result) return ok(found);
          found.push(show(cursor.result.key) + " = " + show(cursor.result.value));
          cursor.result.continue();
        };
      });
      dump[name + "/" + store] = rows.join("\\n");
    }
    db.close();
  }
  dump["scripts"] = JSON.stringify(await chrome.scripting.getRegisteredContentScripts());
  return dump;
}
