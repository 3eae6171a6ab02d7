"""The representative's step: peeling the outer layer off what an accepted request asks for.

Owns the unlocked file; never opens a root key (that takes the research key too), never fetches a
batch, and refuses whatever lies outside the request.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from relay.consent.canonical import canonical
from relay.consent.document import Policy, decode_key, encode_key
from relay.dataset.checking import Checked, Evidence, SkipReason
from relay.dataset.reading import Reader
from relay.dataset.request import Request, SignedRequest, check_request, request_sentences
from relay.errors import InputError, PolicyError, SignatureError
from relay.protocol.transcript import key_id, sha256
from relay.vault.seal import OpeningKey
from relay.vault.sign import SigningKey, verify

LABEL: Final = "candor/v1/unlocked"
_HashHex = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_IdHex = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]


class UnlockedHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """First line of an unlocked file: which request, and what was left out."""

    format: Literal["candor-unlocked-v1"]
    request: _HashHex
    segments: int
    skipped: dict[str, int]


class UnlockedSegment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One segment's root, still sealed to the research key."""

    root: str
    segment: _IdHex
    stream: _HashHex


class _Trailer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    signature: str


class Plan(NamedTuple):
    """What a request would unlock, verified; show `sentences` before `peel`."""

    request: Request
    request_hash: bytes
    policy: Policy
    segments: list[Checked]
    skipped: Counter[str]

    def sentences(self) -> list[str]:
        """Say in words what is asked and what the relay holds of it."""
        streams = {checked.row.stream for checked in self.segments}
        days = {checked.row.day for checked in self.segments}
        timing = sum(checked.row.group == 1 for checked in self.segments)
        lines = request_sentences(self.request, self.policy)
        lines.append(
            f"Unlocks:   {len(self.segments)} segments (at most ten minutes each; {timing} of "
            f"them key timing) of {len(streams)} streams on {len(days)} days"
        )
        if self.skipped:
            left = ", ".join(f"{count} {reason}" for reason, count in sorted(self.skipped.items()))
            lines.append(f"Left out:  {left}")
        if self.policy.is_demo:
            lines.append("Demonstration: one machine holds all keys.")
        return lines


class Unlocked(NamedTuple):
    """An unlocked file as read and verified: sealed roots by stream and segment id."""

    header: UnlockedHeader
    roots: dict[tuple[bytes, bytes], bytes]


def prepare(reader: Reader, evidence: Evidence, signed: SignedRequest) -> Plan:
    """Verify a request and everything it would unlock; opens nothing yet.

    Args:
        reader: Signs with the representative's policy key.
        evidence: With the controller's and the representative's keys pinned.
        signed: The researcher's request.

    Raises:
        AccessError: The request asks for what the policy does not hold.
        SignatureError: The request or the current policy does not verify.
        CandorError: The relay cannot be reached or answers malformed.
    """
    policy = evidence.current_policy()
    request = check_request(signed, policy)
    rows = list(reader.segments(request.apps, request.first_day, request.last_day))
    evidence.gather(rows)
    segments: list[Checked] = []
    skipped: Counter[str] = Counter()
    seen: set[tuple[bytes, bytes]] = set()
    for row in rows:
        checked = evidence.check(row, request)
        if isinstance(checked, SkipReason):
            skipped[checked] += 1
        elif (row.stream, row.segment) in seen:
            skipped[SkipReason.REPEATED] += 1
        else:
            seen.add((row.stream, row.segment))
            segments.append(checked)
    return Plan(request, signed.hash, policy, segments, skipped)


def peel(plan: Plan, outer: OpeningKey, signing: SigningKey) -> bytes:
    """Take the outer layer off each segment's root, and sign the result.

    Args:
        plan: Accepted by the representative.
        outer: The representative's opening key.
        signing: The representative's policy key.

    Returns:
        The unlocked file: JSON lines, the last one the signature.
    """
    lines: list[bytes] = []
    skipped = Counter(plan.skipped)
    for checked in plan.segments:
        row = checked.row
        try:
            inner_layer = outer.open(
                row.sealed_root, checked.binding("outer", key_id(outer.public))
            )
        except SignatureError:
            skipped[SkipReason.UNOPENABLE] += 1
            continue
        segment = UnlockedSegment(
            root=encode_key(inner_layer), segment=row.segment.hex(), stream=row.stream.hex()
        )
        lines.append(canonical(msgspec.to_builtins(segment)))
    header = UnlockedHeader(
        format="candor-unlocked-v1",
        request=plan.request_hash.hex(),
        segments=len(lines),
        skipped={str(reason): count for reason, count in skipped.items()},
    )
    signed = b"".join(line + b"\n" for line in (canonical(msgspec.to_builtins(header)), *lines))
    signature = encode_key(signing.sign(LABEL, sha256(signed)))
    return signed + canonical({"signature": signature}) + b"\n"


def read_unlocked(data: bytes, signed: SignedRequest, representative: bytes) -> Unlocked:
    """Read an unlocked file and verify that it is the representative's answer to this request.

    Args:
        data: The file.
        signed: The request it should answer.
        representative: The representative's policy key, 32 bytes.

    Raises:
        InputError: It is no unlocked file, or answers another request.
        SignatureError: The representative did not sign it.
    """
    lines = data.splitlines(keepends=True)
    try:
        header = msgspec.json.decode(lines[0], type=UnlockedHeader)
        trailer = msgspec.json.decode(lines[-1], type=_Trailer)
        signature = decode_key(trailer.signature)
        segments = [msgspec.json.decode(line, type=UnlockedSegment) for line in lines[1:-1]]
        roots = {
            (bytes.fromhex(one.stream), bytes.fromhex(one.segment)): decode_key(one.root)
            for one in segments
        }
    except (IndexError, msgspec.DecodeError, UnicodeDecodeError, PolicyError):
        raise InputError(
            "This is no whole unlocked file. The representative makes one from your request with "
            "`candor unlock`; the research key alone opens nothing.",
            code="not_unlocked",
        ) from None
    verify(representative, signature, LABEL, sha256(b"".join(lines[:-1])))
    if header.request != signed.hash.hex():
        raise InputError("This file answers another request. Give the request it was made from.")
    return Unlocked(header, roots)
