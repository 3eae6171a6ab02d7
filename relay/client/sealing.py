"""Segments and sealed batches as a device makes them (protocol.md section 10).

Owns the keys of the segments now open, in memory only; never keeps a root key anywhere else.
"""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from relay.client import wire
from relay.consent.document import Policy
from relay.model import (
    MAX_CIPHERTEXT_BYTES,
    KeyId,
    PolicyHash,
    ReceiptHash,
    SegmentId,
    Seq,
    Signal,
    StreamId,
)
from relay.protocol.transcript import batch_binding, key_id, root_binding, root_hash
from relay.vault.seal import KEY_BYTES, NONCE_BYTES, frame_key, padded_length, seal, seal_batch

_SEGMENT_ID_BYTES: Final = 16
_OVERHEAD_BYTES: Final = 4
_TAG_BYTES: Final = 16


class Standing(NamedTuple):
    """What a segment stands on; any change of it starts a new segment."""

    stream: StreamId
    receipt: ReceiptHash
    policy: PolicyHash
    app: int
    group: int
    signals: Signal


class Segment(NamedTuple):
    """An open segment: its frame key, and the frame that announces it."""

    id: SegmentId
    standing: Standing
    began_ms: int
    key: bytes
    frame: bytes


def begin_segment(
    standing: Standing, policy: Policy, participant_key: bytes, now_ms: int
) -> Segment:
    """Draw a root key and a shred salt, and seal the root to the policy's recipients.

    Args:
        standing: What the segment stands on.
        policy: A verified policy of this programme; keys are the same in all of them.
        participant_key: The participant's own X-Wing public key, 1216 bytes.
        now_ms: The device's clock.
    """
    root, salt = os.urandom(KEY_BYTES), os.urandom(KEY_BYTES)
    segment = SegmentId(os.urandom(_SEGMENT_ID_BYTES))
    commitment = root_hash(root)
    inner, outer = policy.key("inner"), policy.key("outer")

    def info(layer: str, recipient: KeyId) -> bytes:
        return root_binding(
            layer,
            programme=policy.programme,
            recipient=recipient,
            stream=standing.stream,
            segment=segment,
            app=standing.app,
            group=standing.group,
            receipt=standing.receipt,
            policy=standing.policy,
            root_commitment=commitment,
        )

    sealed = seal(
        outer, info("outer", key_id(outer)), seal(inner, info("inner", key_id(inner)), root)
    )
    own_copy = seal(participant_key, info("participant", key_id(participant_key)), root)
    frame = wire.pack(
        wire.SEGMENT,
        segment,
        standing.app,
        standing.group,
        standing.receipt,
        standing.policy,
        key_id(inner),
        key_id(outer),
        key_id(participant_key),
        commitment,
        salt,
        sealed,
        own_copy,
    )
    return Segment(segment, standing, now_ms, frame_key(root, salt), frame)


def fits(plaintext: bytes) -> bool:
    """Tell whether a plaintext, padded and sealed, is small enough for the gate."""
    return padded_length(_OVERHEAD_BYTES + len(plaintext)) + _TAG_BYTES <= MAX_CIPHERTEXT_BYTES


def batch_frame(segment: Segment, seq: Seq, plaintext: bytes) -> bytes:
    """Seal a plaintext as the batch of this seq.

    Args:
        segment: The open segment.
        seq: Its number, never used before.
        plaintext: Encoded columns.
    """
    nonce = os.urandom(NONCE_BYTES)
    signals = int(segment.standing.signals)
    binding = batch_binding(segment.standing.stream, segment.id, seq, signals)
    ciphertext = seal_batch(segment.key, nonce, binding, plaintext)
    return wire.pack(wire.BATCH, seq, segment.id, signals, nonce, ciphertext)
