/**
 * Runs every file of tests/vectors with the extension's own code; Python runs the same files.
 *
 * A kind that is not listed here, or a key that its kind does not have, fails.
 */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { frameKey, isSigned, open, pad, sha256 } from "../src/background/vault.ts";
import { matchPage } from "../src/shared/allowlist.ts";
import { type Bytes, fromHex, hex } from "../src/shared/bytes.ts";
import { canonical, readCanonical } from "../src/shared/canonical.ts";
import { type Columns, decodeColumns, encodeColumns } from "../src/shared/columns.ts";
import { parseEnrolment } from "../src/shared/enrolment.ts";
import { decodeAnswer, encodeBody, encodeRequest, FRAMES_LABEL } from "../src/shared/exchange.ts";
import { decodeDevice, decodeRelay, encodeMessage, typeOf } from "../src/shared/messages.ts";
import { decode as decodeValue } from "../src/shared/msgpack.ts";
import {
  POLICY_LABEL,
  POLICY_ROLES,
  type PolicyApp,
  parsePolicy,
  policyKey,
  successorFault,
} from "../src/shared/policy.ts";
import { Problem } from "../src/shared/problem.ts";
import { parseReceipt } from "../src/shared/receipt.ts";
import { OPENING, step } from "../src/shared/session.ts";
import { bitsOf, SIGNALS } from "../src/shared/signals.ts";
import {
  batchBinding,
  deviceHash,
  fingerprint,
  keyId,
  labelledHash,
  type Part,
  rootBinding,
  rootHash,
  streamId,
  transcript,
} from "../src/shared/transcript.ts";
import { isTarget, mayHaveCell, splitTarget } from "../src/shared/vocabulary.ts";
import { keyWords } from "../src/shared/words.ts";

const FOLDER = new URL("../../tests/vectors/", import.meta.url);

/** A vector's fields, each read as what it must be. */
class Fields {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  get names(): string[] {
    return Object.keys(this.#values);
  }

  value(name: string): unknown {
    return this.#values[name];
  }

  text(name: string): string {
    return String(this.#values[name]);
  }

  number(name: string): number {
    return Number(this.#values[name]);
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  list(name: string): readonly unknown[] {
    return this.#values[name] as readonly unknown[];
  }

  bytes(name: string): Bytes {
    return unhex(this.text(name));
  }
}

function unhex(text: string): Bytes {
  const bytes = fromHex(text);
  if (bytes === null) throw new Error("a vector's bytes are not hex");
  return bytes;
}

/** A message or a part of one as vectors write it: structures as lists, bytes as {hex}. */
function flat(value: unknown): unknown {
  if (value instanceof Uint8Array) return { hex: hex(value) };
  if (Array.isArray(value)) return value.map(flat);
  if (typeof value === "object" && value !== null) return Object.values(value).map(flat);
  return value;
}

function parts(fields: Fields): Part[] {
  return fields.list("parts").map((part) => {
    if (typeof part === "object" && part !== null) return unhex((part as { hex: string }).hex);
    return part as Part;
  });
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof Problem) return error.code;
    throw error;
  }
  return "nothing was refused";
}

function decode(fields: Fields): ReturnType<typeof decodeRelay> | ReturnType<typeof decodeDevice> {
  const frame = fields.bytes("frame");
  return fields.text("side") === "relay" ? decodeRelay(frame) : decodeDevice(frame);
}

function binding(fields: Fields): Bytes {
  return rootBinding(fields.text("layer") as "inner" | "outer" | "participant", {
    programme: fields.text("programme"),
    recipient: fields.bytes("recipient"),
    stream: fields.bytes("stream"),
    segment: fields.bytes("segment"),
    app: fields.number("app"),
    group: fields.number("group"),
    receipt: fields.bytes("receipt"),
    policy: fields.bytes("policy"),
    rootHash: fields.bytes("root_hash"),
  });
}

function replay(fields: Fields): typeof OPENING {
  let session = OPENING;
  for (const entry of fields.list("steps") as readonly Readonly<Record<string, unknown>>[]) {
    const [[side, value] = []] = Object.entries(entry);
    // What the store settles reaches a device as an ack only.
    if (side === "settled") continue;
    const frame = unhex(String(value));
    session = step(session, side === "relay" ? decodeRelay(frame) : decodeDevice(frame));
  }
  return session;
}

function positionsOf(columns: Columns): unknown[] {
  const { app, group, signals, t0, document, route } = columns;
  return [1, app, group, signals, t0, document, route, ...SIGNALS.map((name) => columns[name])];
}

async function id(fields: Fields): Promise<Bytes> {
  const [first, second] = fields.list("inputs").map((input) => unhex(String(input)));
  const [one, other] = [first ?? new Uint8Array(), second ?? new Uint8Array()];
  switch (fields.text("id")) {
    case "device":
      return deviceHash(sha256, one);
    case "stream":
      return streamId(sha256, one, other);
    case "root":
      return rootHash(sha256, one);
    case "key_id":
      return keyId(sha256, one);
    case "fingerprint":
      return fingerprint(sha256, one, other);
    default:
      throw new Error("an id of no known kind");
  }
}

interface Kind {
  readonly keys: readonly string[];
  readonly run: (fields: Fields) => unknown;
}

const BINDING_KEYS = [
  "layer",
  "programme",
  "recipient",
  "stream",
  "segment",
  "app",
  "group",
  "receipt",
  "policy",
  "root_hash",
];

const KINDS: Readonly<Record<string, Kind>> = {
  frame: {
    keys: ["side", "frame", "positions", "shortest"],
    run: (fields) => {
      const message = decode(fields);
      const { kind, ...contents } = message;
      expect([typeOf(kind), ...(flat(contents) as unknown[])]).toEqual(fields.value("positions"));
      expect(hex(encodeMessage(message)) === fields.text("frame")).toBe(fields.flag("shortest"));
    },
  },
  frame_refused: {
    keys: ["side", "frame", "error"],
    run: (fields) => expect(codeOf(() => decode(fields))).toBe(fields.text("error")),
  },
  transcript: {
    keys: ["label", "parts", "transcript", "hash"],
    run: async (fields) => {
      const label = fields.text("label");
      expect(hex(transcript(label, ...parts(fields)))).toBe(fields.text("transcript"));
      expect(hex(await labelledHash(sha256, label, ...parts(fields)))).toBe(fields.text("hash"));
    },
  },
  id: {
    keys: ["id", "inputs", "result"],
    run: async (fields) => expect(hex(await id(fields))).toBe(fields.text("result")),
  },
  signature: {
    keys: ["key", "label", "parts", "signature", "valid"],
    run: async (fields) => {
      const [key, signature] = [fields.bytes("key"), fields.bytes("signature")];
      const valid = await isSigned(key, signature, fields.text("label"), ...parts(fields));
      expect(valid).toBe(fields.flag("valid"));
    },
  },
  exchange_request: {
    keys: ["key", "origin", "exchange", "counter", "frames", "request"],
    run: async (fields) => {
      const request = decodeValue(fields.bytes("request")) as readonly Uint8Array[];
      const [exchange, counter] = [fields.bytes("exchange"), Number(fields.value("counter"))];
      const frames = fields.list("frames").map((frame) => unhex(String(frame)));
      const [signature, body] = [request[2] as Bytes, encodeBody(frames)];
      expect(hex(encodeRequest(exchange, counter, signature, body))).toBe(fields.text("request"));
      const signed = [fields.text("origin"), exchange, counter, await sha256(body)] as const;
      const valid = await isSigned(fields.bytes("key"), signature, FRAMES_LABEL, ...signed);
      expect(valid).toBe(true);
    },
  },
  exchange_answer: {
    keys: ["answer", "frames", "close"],
    run: (fields) => {
      const { frames, close } = decodeAnswer(fields.bytes("answer"));
      expect(frames.map(hex)).toEqual(fields.list("frames"));
      expect(close).toBe(fields.value("close"));
    },
  },
  exchange_answer_refused: {
    keys: ["answer"],
    run: (fields) => expect(codeOf(() => decodeAnswer(fields.bytes("answer")))).toBe("malformed"),
  },
  words: {
    keys: ["key", "words"],
    run: async (fields) =>
      expect(await keyWords(sha256, fields.bytes("key"))).toEqual(fields.list("words")),
  },
  padding: {
    keys: ["plaintext", "padded"],
    run: (fields) => expect(hex(pad(fields.bytes("plaintext")))).toBe(fields.text("padded")),
  },
  batch_seal: {
    keys: [
      "root",
      "salt",
      "nonce",
      "stream",
      "segment",
      "seq",
      "signals",
      "plaintext",
      "ciphertext",
    ],
    run: async (fields) => {
      const key = await frameKey(fields.bytes("root"), fields.bytes("salt"));
      const [stream, segment] = [fields.bytes("stream"), fields.bytes("segment")];
      const additionalData = batchBinding(
        stream,
        segment,
        fields.number("seq"),
        fields.number("signals"),
      );
      // As sealBatch does, but under the vector's nonce instead of a random one.
      const parameters = { name: "AES-GCM", iv: fields.bytes("nonce"), additionalData };
      const padded = pad(fields.bytes("plaintext"));
      const sealed = await crypto.subtle.encrypt(parameters, key, padded);
      expect(hex(new Uint8Array(sealed))).toBe(fields.text("ciphertext"));
    },
  },
  root_seal: {
    keys: ["seed", "sealed", "plaintext", ...BINDING_KEYS],
    run: async (fields) => {
      const opened = await open(fields.bytes("seed"), binding(fields), fields.bytes("sealed"));
      expect(hex(opened)).toBe(fields.text("plaintext"));
    },
  },
  root_seal_refused: {
    keys: ["seed", "sealed", ...BINDING_KEYS],
    run: (fields) =>
      expect(open(fields.bytes("seed"), binding(fields), fields.bytes("sealed"))).rejects.toThrow(),
  },
  target: {
    keys: ["code", "split", "known", "cell"],
    run: (fields) => {
      const code = fields.number("code");
      expect(splitTarget(code)).toEqual(fields.value("split"));
      expect(isTarget(code)).toBe(fields.flag("known"));
      expect(mayHaveCell(code)).toBe(fields.flag("cell"));
    },
  },
  columns: {
    keys: ["app", "group", "signals", "plaintext", "positions"],
    run: (fields) => {
      const columns = columnsOf(fields);
      expect(positionsOf(columns)).toEqual(fields.value("positions"));
      expect(hex(encodeColumns(columns))).toBe(fields.text("plaintext"));
    },
  },
  columns_refused: {
    keys: ["app", "group", "signals", "plaintext", "error"],
    run: (fields) => expect(codeOf(() => columnsOf(fields))).toBe(fields.text("error")),
  },
  canonical: {
    keys: ["body", "valid"],
    run: (fields) => {
      const body = fields.bytes("body");
      if (fields.flag("valid")) expect(canonical(readCanonical(body, 1_000))).toEqual(body);
      else expect(codeOf(() => readCanonical(body, 1_000))).toBe("not_canonical");
    },
  },
  policy: {
    keys: ["body", "hash"],
    run: async (fields) => {
      parsePolicy(fields.bytes("body"));
      expect(hex(await sha256(fields.bytes("body")))).toBe(fields.text("hash"));
    },
  },
  policy_refused: {
    keys: ["body"],
    run: (fields) =>
      expect(["policy", "not_canonical"]).toContain(
        codeOf(() => parsePolicy(fields.bytes("body"))),
      ),
  },
  signed_policy: {
    keys: ["body", "controller", "representative", "valid"],
    run: async (fields) => {
      const body = fields.bytes("body");
      const policy = parsePolicy(body);
      const signed = await Promise.all(
        POLICY_ROLES.map((role) =>
          isSigned(policyKey(policy, role), fields.bytes(role), POLICY_LABEL, role, body),
        ),
      );
      expect(signed.every((one) => one)).toBe(fields.flag("valid"));
    },
  },
  successor: {
    keys: ["current", "following", "fault"],
    run: (fields) => {
      const [following, current] = [fields.bytes("following"), fields.bytes("current")];
      const fault = successorFault(parsePolicy(following), parsePolicy(current));
      expect(fault).toBe(fields.value("fault"));
    },
  },
  receipt: {
    keys: ["body", "hash", "granted"],
    run: async (fields) => {
      const { grants } = parseReceipt(fields.bytes("body"));
      const granted = Object.fromEntries(grants.map(({ app, signals }) => [app, bitsOf(signals)]));
      expect(granted).toEqual(fields.value("granted"));
      expect(hex(await sha256(fields.bytes("body")))).toBe(fields.text("hash"));
    },
  },
  receipt_refused: {
    keys: ["body"],
    run: (fields) =>
      expect(codeOf(() => parseReceipt(fields.bytes("body")))).toBe("receipt_malformed"),
  },
  page: {
    keys: ["url", "apps", "answer"],
    run: (fields) => {
      const found = matchPage(fields.text("url"), fields.value("apps") as readonly PolicyApp[]);
      expect(found.reason ?? found.app).toBe(fields.value("answer"));
    },
  },
  enrolment: {
    keys: ["text", "relay", "fingerprint", "code", "code_signature"],
    run: (fields) => {
      const found = parseEnrolment(fields.text("text"));
      expect(found.relay).toBe(fields.text("relay"));
      expect(hex(found.fingerprint)).toBe(fields.text("fingerprint"));
      expect(hex(found.code)).toBe(fields.text("code"));
      expect(hex(found.codeSignature)).toBe(fields.text("code_signature"));
    },
  },
  enrolment_refused: {
    keys: ["text"],
    run: (fields) =>
      expect(codeOf(() => parseEnrolment(fields.text("text")))).toBe("enrolment_malformed"),
  },
  session: {
    keys: ["steps", "announced", "through"],
    run: (fields) => {
      const session = replay(fields);
      expect(session.announced).toBe(fields.number("announced"));
      expect(session.through).toBe(fields.number("through"));
    },
  },
  session_refused: {
    keys: ["steps", "fault"],
    run: (fields) => expect(codeOf(() => replay(fields))).toBe(fields.text("fault")),
  },
};

function columnsOf(fields: Fields): Columns {
  return decodeColumns(
    fields.bytes("plaintext"),
    fields.number("app"),
    fields.number("group"),
    fields.number("signals"),
  );
}

const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));

test("there are vectors", () => {
  expect(FILES.length).toBeGreaterThanOrEqual(40);
});

describe("vectors", () => {
  test.each(FILES)("%s", async (name) => {
    const { format, kind, claim, ...rest } = JSON.parse(
      readFileSync(new URL(name, FOLDER), "utf8"),
    ) as Record<string, unknown>;
    expect(format).toBe("candor-vector-v1");
    expect(claim).toBeTruthy();
    const found = KINDS[String(kind)];
    if (found === undefined) throw new Error("a vector of no known kind");
    const fields = new Fields(rest);
    expect(fields.names.sort()).toEqual([...found.keys].sort());
    await found.run(fields);
  });
});
