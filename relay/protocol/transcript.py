"""The one way bytes are joined before they are signed, hashed or bound (protocol.md 1 and 2).

Owns the encoding and the ids made of it; holds no key and draws no randomness.
"""

from __future__ import annotations

import hashlib
import struct

from relay.model import (
    DeviceHash,
    DeviceKey,
    KeyId,
    PolicyHash,
    ReceiptHash,
    SegmentId,
    Seq,
    StreamId,
)

Part = bytes | int | str | None


def transcript(label: str, *parts: Part) -> bytes:
    """Join a label and parts unambiguously.

    Args:
        label: ASCII name of the one use these bytes have, such as "candor/v1/hello".
        parts: Bytes; text, as UTF-8; integers 0 to 2**64-1, as 8 bytes; None, as length 0.

    Returns:
        u16 length and label, then u32 length and bytes of each part, big-endian.
    """
    name = label.encode("ascii")
    pieces = [struct.pack(">H", len(name)), name]
    for part in parts:
        match part:
            case None:
                data = b""
            case int():
                data = struct.pack(">Q", part)
            case str():
                data = part.encode()
            case _:
                data = part
        pieces += [struct.pack(">I", len(data)), data]
    return b"".join(pieces)


def labelled_hash(label: str, *parts: Part) -> bytes:
    """Return SHA-256 of the transcript, 32 bytes."""
    return hashlib.sha256(transcript(label, *parts)).digest()


def sha256(body: bytes) -> bytes:
    """Return SHA-256 of a document's exact bytes, 32 bytes."""
    return hashlib.sha256(body).digest()


def key_id(public_key: bytes) -> KeyId:
    """Return the 16-byte id of a public key (Ed25519, 32 bytes, or X-Wing, 1216 bytes)."""
    return KeyId(labelled_hash("candor/v1/key-id", public_key)[:16])


def device_hash(device_key: DeviceKey) -> DeviceHash:
    """Return the 32-byte hash that stands for a device's key."""
    return DeviceHash(labelled_hash("candor/v1/device", device_key))


def stream_id(device_key: DeviceKey, stream_salt: bytes) -> StreamId:
    """Return the id of the stream that this device makes from a 16-byte random salt."""
    return StreamId(labelled_hash("candor/v1/stream", device_key, stream_salt))


def root_hash(root: bytes) -> bytes:
    """Return the 32-byte commitment to a segment's 32-byte root key."""
    return labelled_hash("candor/v1/root", root)


def fingerprint(controller_key: bytes, representative_key: bytes) -> bytes:
    """Return the 32 bytes by which an enrolment string pins both policy keys."""
    return labelled_hash("candor/v1/fingerprint", controller_key, representative_key)


def batch_binding(stream: StreamId, segment: SegmentId, seq: Seq, signals: int) -> bytes:
    """Return the associated data of a sealed batch (protocol.md section 10)."""
    return transcript("candor/v1/batch", stream, segment, seq, signals)


def root_binding(  # noqa: PLR0913 - the parts protocol.md section 10 lists
    layer: str,
    *,
    programme: str,
    recipient: KeyId,
    stream: StreamId,
    segment: SegmentId,
    app: int,
    group: int,
    receipt: ReceiptHash,
    policy: PolicyHash,
    root_commitment: bytes,
) -> bytes:
    """Return the HPKE info of one layer of a sealed root.

    Args:
        layer: "inner", "outer" or "participant".
        programme: Name of the programme.
        recipient: Id of the key sealed to.
        stream: The segment's stream.
        segment: The segment.
        app: Its app number, so that no relay can pass it off as another's.
        group: Its group of signals, 0 or 1, for the same reason.
        receipt: The consent it stands on.
        policy: The policy it stands on.
        root_commitment: `root_hash` of the root key.
    """
    return transcript(
        f"candor/v1/seal/{layer}",
        programme,
        recipient,
        stream,
        segment,
        app,
        group,
        receipt,
        policy,
        root_commitment,
    )
