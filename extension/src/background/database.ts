/**
 * The extension's IndexedDB: its stores, and transactions that are on disk when they resolve.
 *
 * Owns the schema; what the records mean, the modules that use them say.
 */

import { Problem } from "../shared/problem.ts";

const NAME = "candor";
const VERSION = 1;

/**
 * facts: single records by name · outbox: sealed batches and dropped ranges by first seq · segments: segment messages by
 * id · flushes: which content flushes are kept already.
 */
export type StoreName = "facts" | "outbox" | "segments" | "flushes";

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(failure(request.error));
  });
}

function failure(error: DOMException | null): Problem {
  const isFull = error?.name === "QuotaExceededError";
  return new Problem(
    isFull ? "disk_full" : "storage_failed",
    "The browser could not write to this computer's disk. Nothing new is recorded until it can; free some space.",
  );
}

/**
 * Open the database, making its stores the first time.
 *
 * @param gone Called when the database was taken away while open: deleted, or closed by the browser because it is damaged.
 */
export async function openDatabase(
  factory: IDBFactory = indexedDB,
  gone: () => void = () => undefined,
): Promise<IDBDatabase> {
  const request = factory.open(NAME, VERSION);
  request.onupgradeneeded = () => {
    const database = request.result;
    database.createObjectStore("facts");
    database.createObjectStore("outbox", { keyPath: "first" }).createIndex("segment", "segment");
    database.createObjectStore("segments", { keyPath: "id" });
    database
      .createObjectStore("flushes", { keyPath: ["document", "flush"] })
      .createIndex("at", "at");
  };
  const database = await settled(request);
  database.onversionchange = () => {
    database.close();
    gone();
  };
  database.onclose = gone;
  return database;
}

/** The stores of one running transaction; await only requests made here, or it commits early. */
export class Transaction {
  readonly #transaction: IDBTransaction;

  constructor(transaction: IDBTransaction) {
    this.#transaction = transaction;
  }

  get<T>(store: StoreName, key: IDBValidKey): Promise<T | undefined> {
    return settled(this.#transaction.objectStore(store).get(key));
  }

  all<T>(store: StoreName, range?: IDBKeyRange, most?: number): Promise<T[]> {
    return settled(this.#transaction.objectStore(store).getAll(range, most));
  }

  /** Count the records that an index finds under a key. */
  count(store: StoreName, index: string, key: IDBValidKey): Promise<number> {
    return settled(this.#transaction.objectStore(store).index(index).count(key));
  }

  put(store: StoreName, value: unknown, key?: IDBValidKey): void {
    this.#transaction.objectStore(store).put(value, key);
  }

  delete(store: StoreName, key: IDBValidKey | IDBKeyRange): void {
    this.#transaction.objectStore(store).delete(key);
  }

  /** Delete the records that an index finds in a range. */
  async deleteByIndex(store: StoreName, index: string, range: IDBKeyRange): Promise<void> {
    const objects = this.#transaction.objectStore(store);
    for (const key of await settled(objects.index(index).getAllKeys(range))) objects.delete(key);
  }
}

/**
 * Run one transaction; when the promise resolves, what it wrote is on disk.
 *
 * @throws Problem "disk_full" or "storage_failed", and then nothing was written.
 */
export function transact<T>(
  database: IDBDatabase,
  stores: readonly StoreName[],
  mode: IDBTransactionMode,
  work: (transaction: Transaction) => Promise<T> | T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let fault: unknown;
    let transaction: IDBTransaction;
    try {
      transaction = database.transaction([...stores], mode, { durability: "strict" });
    } catch {
      // Somebody deleted the database, or the browser closed it.
      reject(failure(null));
      return;
    }
    const result = Promise.resolve(work(new Transaction(transaction)));
    result.catch((error: unknown) => {
      fault = error;
      try {
        transaction.abort();
      } catch {
        // It was over already; its own error is reported below.
      }
    });
    transaction.oncomplete = () => {
      result.then(resolve, reject);
    };
    transaction.onabort = () => {
      reject(fault ?? failure(transaction.error));
    };
  });
}
