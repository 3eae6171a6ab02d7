import { beforeEach, describe, expect, it } from "vitest";
import type { Facts } from "../src/background/facts.ts";
import { Sealer } from "../src/background/sealer.ts";
import {
  frameKey,
  isSigned,
  newDeviceKey,
  newParticipantKey,
  open,
  pad,
  paddedLength,
  seal,
  sha256,
  sign,
} from "../src/background/vault.ts";
import { equal, utf8 } from "../src/shared/bytes.ts";
import { encodeColumns } from "../src/shared/columns.ts";
import { batchBinding, keyId, rootBinding, rootHash } from "../src/shared/transcript.ts";
import { agreementOf, captured, deviceFacts, KEYS, NOW } from "./fixtures.ts";

const ORIGIN = { app: 1, group: 0, signals: 3, document: 9 } as const;
const COLUMNS = captured({ pointer: [[0], [1], [1]] });
const TEN_MINUTES = 600_000;

let facts: Facts;
let sealer: Sealer;

beforeEach(async () => {
  facts = await deviceFacts();
  await facts.put({
    agreement: await agreementOf(facts, [{ app: 1, signals: ["click", "pointer"] }]),
  });
  sealer = new Sealer(facts);
});

describe("signing", () => {
  it("binds label and parts", async () => {
    const key = await newDeviceKey();
    const signature = await sign(key, "candor/v1/hello", "a", 1);
    expect(await isSigned(key.publicKey, signature, "candor/v1/hello", "a", 1)).toBe(true);
    expect(await isSigned(key.publicKey, signature, "candor/v1/enrol", "a", 1)).toBe(false);
    expect(await isSigned(key.publicKey, signature, "candor/v1/hello", "a", 2)).toBe(false);
    expect(await isSigned(new Uint8Array(31), signature, "candor/v1/hello", "a", 1)).toBe(false);
  });

  it("keeps the private half where no script reads it", async () => {
    const { pair } = await newDeviceKey();
    expect(pair.privateKey.extractable).toBe(false);
    await expect(crypto.subtle.exportKey("pkcs8", pair.privateKey)).rejects.toThrow();
  });
});

describe("sealing", () => {
  it("opens only under the same info", async () => {
    const key = await newParticipantKey();
    const sealed = await seal(key.publicKey, utf8("info"), utf8("root"));
    expect(sealed).toHaveLength(1_120 + 4 + 16);
    expect(await open(key.seed, utf8("info"), sealed)).toEqual(utf8("root"));
    await expect(open(key.seed, utf8("other"), sealed)).rejects.toThrow();
  });

  it("refuses a key that is none", async () => {
    await expect(seal(new Uint8Array(1_215), utf8(""), utf8(""))).rejects.toThrow(
      expect.objectContaining({ code: "key_invalid" }),
    );
  });

  it("pads to few lengths", () => {
    expect([1, 256, 257, 1_000, 5_000].map(paddedLength)).toEqual([256, 256, 272, 1_024, 5_120]);
    const padded = pad(utf8("abc"));
    expect(padded).toHaveLength(256);
    expect([...padded.slice(0, 8)]).toEqual([0, 0, 0, 3, 97, 98, 99, 0]);
  });
});

describe("a segment", () => {
  it("opens with both reading keys, or with the participant's, and never with one alone", async () => {
    const { segment, batch } = await sealer.seal(1, ORIGIN, COLUMNS, NOW);
    const { agreement, policy, stream, device } = facts.now;
    if (!agreement || !policy || !stream || !device) throw new Error("fixture");
    const info = async (layer: "inner" | "outer" | "participant", key: Uint8Array) =>
      rootBinding(layer, {
        programme: "clearer-screens",
        recipient: await keyId(sha256, key),
        stream: stream.id,
        segment: segment.id,
        app: segment.app,
        group: segment.group,
        receipt: agreement.hash,
        policy: policy.hash,
        rootHash: segment.rootHash,
      });
    const outerInfo = await info("outer", KEYS.outer.publicKey);
    const innerInfo = await info("inner", KEYS.inner.publicKey);
    const peeled = await open(KEYS.outer.seed, outerInfo, segment.sealedRoot);
    const root = await open(KEYS.inner.seed, innerInfo, peeled);
    expect(await rootHash(sha256, root)).toEqual(segment.rootHash);
    await expect(open(KEYS.inner.seed, innerInfo, segment.sealedRoot)).rejects.toThrow();
    await expect(open(KEYS.outer.seed, innerInfo, peeled)).rejects.toThrow();
    const ownInfo = await info("participant", device.participant.publicKey);
    const own = await open(device.participant.seed, ownInfo, segment.sealedParticipantRoot);
    expect(equal(own, root)).toBe(true);

    const key = await frameKey(root, segment.salt);
    const additionalData = batchBinding(stream.id, segment.id, 1, 3);
    const parameters = { name: "AES-GCM", iv: batch.nonce, additionalData };
    const again = new Uint8Array(
      await crypto.subtle.encrypt(parameters, key, pad(encodeColumns({ ...COLUMNS, ...ORIGIN }))),
    );
    expect(equal(again, batch.ciphertext)).toBe(true);
  });

  it("lasts ten minutes at most, and not past a new receipt, stream or worker", async () => {
    const idAt = async (now: number) => (await sealer.seal(1, ORIGIN, COLUMNS, now)).segment.id;
    const first = await idAt(NOW);
    expect(await idAt(NOW + TEN_MINUTES - 1)).toEqual(first);
    const second = await idAt(NOW + TEN_MINUTES);
    expect(second).not.toEqual(first);
    expect(await idAt(NOW)).not.toEqual(second);
    const before = await idAt(NOW);
    await facts.put({ agreement: await agreementOf(facts, [{ app: 1, signals: ["pointer"] }]) });
    expect(await idAt(NOW)).not.toEqual(before);
    const last = await idAt(NOW);
    sealer.clear();
    expect(await idAt(NOW)).not.toEqual(last);
  });

  it("keeps apps and groups apart", async () => {
    const ids = await Promise.all(
      [ORIGIN, { ...ORIGIN, app: 2 }].map(async (origin) => {
        const { segment } = await sealer.seal(1, origin, COLUMNS, NOW);
        return segment.id;
      }),
    );
    const keys = captured({ key_timing: [[0], [5], [1]] });
    const timing = { ...ORIGIN, group: 1, signals: 16 } as const;
    const { segment } = await sealer.seal(1, timing, keys, NOW);
    expect(segment.group).toBe(1);
    expect(new Set([...ids, segment.id].map(String)).size).toBe(3);
  });

  it("seals nothing that breaks a rule", async () => {
    const broken = captured({ pointer: [[0], [99_999], [1]] });
    await expect(sealer.seal(1, ORIGIN, broken, NOW)).rejects.toThrow(
      expect.objectContaining({ code: "columns_bound" }),
    );
  });
});
