"""Vectors of transcripts, ids, signatures, words, padding, sealing and targets (1, 2, 10)."""

from __future__ import annotations

import functools
import hashlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path

from relay.errors import SignatureError
from relay.vault.seal import frame_key, seal, seal_batch
from tests.vectors.craft import (
    PROGRAMME,
    RELAY,
    Json,
    Vector,
    canonical_text,
    drawn,
    hashed,
    joined,
    key_id_of,
    opening,
    policy_document,
    receipt_document,
    signing,
    vector,
)
from tests.vectors.make_frames import wrapped

_HERE = Path(__file__).parent
_DEVICE = signing("device").public
_SALT = drawn("stream salt", 16)
_STREAM = hashed("candor/v1/stream", _DEVICE, _SALT)
_SEGMENT = drawn("segment", 16)
_RECEIPT_HASH = hashlib.sha256(canonical_text(receipt_document())).digest()
_POLICY_HASH = hashlib.sha256(canonical_text(policy_document())).digest()
_ROOT = drawn("root key")
_SHRED_SALT = drawn("shred salt")
_NONCE = drawn("batch nonce", 12)

Parts = tuple[bytes | str | int | None, ...]
TRANSCRIPTS: dict[str, tuple[str, str, Parts]] = {
    "no_parts": ("A transcript without parts is its label", "candor/v1/x", ()),
    "parts_do_not_run_together": ("Lengths keep parts apart", "candor/v1/x", (b"ab", b"c")),
    "absent_is_empty": ("An absent part has length 0", "candor/v1/x", (None, b"")),
    "text_is_utf8": ("Text is UTF-8", "candor/v1/x", ("Köln",)),
    "integers_are_eight_bytes": ("Integers are 8 bytes", "candor/v1/x", (0, 1, 2**53 - 1)),
}
IDS: dict[str, tuple[str, tuple[bytes, ...], bytes]] = {
    "device": ("device", (_DEVICE,), hashed("candor/v1/device", _DEVICE)),
    "stream": ("stream", (_DEVICE, _SALT), _STREAM),
    "root": ("root", (_ROOT,), hashed("candor/v1/root", _ROOT)),
    "key_id_of_a_signing_key": ("key_id", (_DEVICE,), key_id_of(_DEVICE)),
    "key_id_of_a_sealing_key": (
        "key_id",
        (opening("inner").public,),
        key_id_of(opening("inner").public),
    ),
    "fingerprint": (
        "fingerprint",
        (signing("controller").public, signing("representative").public),
        hashed(
            "candor/v1/fingerprint",
            signing("controller").public,
            signing("representative").public,
        ),
    ),
}
_CODE = drawn("enrolment code", 16)
SIGNED: dict[str, tuple[str, str, Parts]] = {
    "hello": (
        "device",
        "candor/v1/hello",
        (
            drawn("challenge"),
            RELAY,
            PROGRAMME,
            _STREAM,
            hashed("candor/v1/device", _DEVICE),
            _RECEIPT_HASH,
            _POLICY_HASH,
            1,
            1,
            None,
        ),
    ),
    "hello_over_https": (
        "device",
        "candor/v1/hello",
        (
            drawn("challenge"),
            RELAY,
            PROGRAMME,
            _STREAM,
            hashed("candor/v1/device", _DEVICE),
            _RECEIPT_HASH,
            _POLICY_HASH,
            1,
            2,
            None,
        ),
    ),
    "frames": (
        "device",
        "candor/v1/frames",
        (RELAY, drawn("challenge"), 7, hashlib.sha256(drawn("frames", 90)).digest()),
    ),
    "hello_before_any_receipt": (
        "device",
        "candor/v1/hello",
        (
            drawn("challenge"),
            RELAY,
            PROGRAMME,
            _STREAM,
            hashed("candor/v1/device", _DEVICE),
            None,
            _POLICY_HASH,
            1,
            1,
            None,
        ),
    ),
    "enrol": (
        "device",
        "candor/v1/enrol",
        (
            drawn("challenge"),
            RELAY,
            PROGRAMME,
            _DEVICE,
            opening("participant").public,
            _CODE,
            drawn("sealed code", 1152),
        ),
    ),
    "receipt": ("device", "candor/v1/receipt", (canonical_text(receipt_document()),)),
    "withdraw": ("device", "candor/v1/withdraw", (PROGRAMME, _STREAM, 41, _RECEIPT_HASH)),
    "enrolled": (
        "ledger",
        "candor/v1/enrolled",
        (drawn("challenge"), hashed("candor/v1/device", _DEVICE), 20_781),
    ),
    "granted": ("ledger", "candor/v1/granted", (_STREAM, _RECEIPT_HASH, 3)),
    "withdrawn": ("ledger", "candor/v1/withdrawn", (_STREAM, _RECEIPT_HASH, 41, 4)),
    "code": ("codes", "candor/v1/code", (PROGRAMME, _CODE)),
    "policy": (
        "controller",
        "candor/v1/policy",
        ("controller", canonical_text(policy_document())),
    ),
    "read": (
        "requests",
        "candor/v1/read",
        (RELAY, "research", "/v1/read/segments", drawn("read body", 40)),
    ),
}
PADDED_LENGTHS = {0: 256, 252: 256, 253: 272, 1_000: 1_024, 1_021: 1_088, 10_000: 10_240}
TARGETS: dict[str, tuple[str, tuple[int, int, int, int], bool, bool]] = {
    "nothing_known": ("0 is an element of no known kind", (0, 0, 0, 0), True, False),
    "button": ("A button may have a cell", (13, 0, 0, 0), True, True),
    "link_by_role": ("A role of link may have a cell", (28, 32, 0, 0), True, True),
    "text_field": ("A text field has no cell", (51, 0, 17, 0), True, False),
    "submit_field": ("A submit field may have a cell", (51, 0, 15, 0), True, True),
    "in_navigation": ("Landmarks do not change cells", (1, 0, 0, 6), True, True),
    "tag_unknown": ("A tag past its vocabulary is none", (255, 0, 0, 0), False, False),
    "role_unknown": ("A role past its vocabulary is none", (0, 255, 0, 0), False, False),
    "input_type_unknown": (
        "An input type past its vocabulary is none",
        (0, 0, 63, 0),
        False,
        False,
    ),
    "landmark_unknown": ("A landmark past its vocabulary is none", (0, 0, 0, 31), False, False),
}


def make() -> Iterator[tuple[str, Vector]]:
    """Yield name and vector."""
    for name, (claim, label, parts) in TRANSCRIPTS.items():
        whole = joined(label, *parts)
        yield (
            f"transcript_{name}",
            vector(
                "transcript",
                claim,
                label=label,
                parts=wrapped(parts),
                transcript=whole,
                hash=hashlib.sha256(whole).digest(),
            ),
        )
    for name, (what, inputs, result) in IDS.items():
        yield (
            f"id_{name}",
            vector("id", f"The {what} of these inputs", id=what, inputs=inputs, result=result),
        )
    yield from _signatures()
    for name in ("controller", "representative"):
        key = signing(name).public
        yield (
            f"words_{name}",
            vector("words", "A key is read aloud as these eight words", key=key, words=_words(key)),
        )
    for length, size in PADDED_LENGTHS.items():
        plaintext = drawn("plaintext", length)
        body = struct.pack(">I", length) + plaintext
        yield (
            f"padding_of_{length}_bytes",
            vector(
                "padding",
                f"{length} bytes are padded to {size}",
                plaintext=plaintext,
                padded=body.ljust(size, b"\0"),
            ),
        )
    yield from _sealed_batches()
    yield from _sealed_roots()
    for name, (claim, split, known, cell) in TARGETS.items():
        tag, role, input_type, landmark = split
        code = tag + 256 * role + 65_536 * input_type + 4_194_304 * landmark
        yield (
            f"target_{name}",
            vector("target", claim, code=code, split=split, known=known, cell=cell),
        )


def _signatures() -> Iterator[tuple[str, Vector]]:
    for name, (signer, label, parts) in SIGNED.items():
        key = signing(signer)
        yield (
            f"signature_{name}",
            vector(
                "signature",
                f"The {signer} key signs {label.rpartition('/')[2]} like this",
                key=key.public,
                label=label,
                parts=wrapped(parts),
                signature=key.sign(label, *parts),
                valid=True,
            ),
        )
    key, parts = signing("device"), (_STREAM, _RECEIPT_HASH, 3)
    good = key.sign("candor/v1/granted", *parts)
    for name, claim, public, label, signature in (
        (
            "of_another_label",
            "A signature holds for its own label only",
            key.public,
            "candor/v1/withdrawn",
            good,
        ),
        (
            "of_another_key",
            "A signature holds for its own key only",
            signing("codes").public,
            "candor/v1/granted",
            good,
        ),
        (
            "changed",
            "One changed bit breaks a signature",
            key.public,
            "candor/v1/granted",
            bytes([good[0] ^ 1]) + good[1:],
        ),
        ("cut", "A signature has 64 bytes", key.public, "candor/v1/granted", good[:63]),
        ("key_too_short", "A key has 32 bytes", key.public[:31], "candor/v1/granted", good),
    ):
        yield (
            f"signature_refused_{name}",
            vector(
                "signature",
                claim,
                key=public,
                label=label,
                parts=wrapped(parts),
                signature=signature,
                valid=False,
            ),
        )


def _words(key: bytes) -> list[str]:
    consonants, vowels = "bdfghjklmnprstvz", "aiou"
    words = []
    for (bits,) in struct.iter_unpack(">H", hashed("candor/v1/words", key)[:16]):
        words.append(
            consonants[bits >> 12]
            + vowels[bits >> 10 & 3]
            + consonants[bits >> 6 & 15]
            + vowels[bits >> 4 & 3]
            + consonants[bits & 15]
        )
    return words


def _sealed_batches() -> Iterator[tuple[str, Vector]]:
    key = frame_key(_ROOT, _SHRED_SALT)
    for name, claim, seq, signals, plaintext in (
        ("empty", "Even nothing is sealed as 272 bytes", 1, 255, b""),
        ("small", "A small batch is sealed as 272 bytes", 1, 3, drawn("columns", 90)),
        ("of_a_late_seq", "The seq is bound as 8 bytes", 2**53 - 1, 16, drawn("columns", 90)),
        ("larger", "A larger batch is padded further", 2, 3, drawn("columns", 2_000)),
    ):
        binding = joined("candor/v1/batch", _STREAM, _SEGMENT, seq, signals)
        yield (
            f"batch_seal_{name}",
            vector(
                "batch_seal",
                claim,
                root=_ROOT,
                salt=_SHRED_SALT,
                nonce=_NONCE,
                stream=_STREAM,
                segment=_SEGMENT,
                seq=seq,
                signals=signals,
                plaintext=plaintext,
                ciphertext=seal_batch(key, _NONCE, binding, plaintext),
            ),
        )


def _sealed_roots() -> Iterator[tuple[str, Vector]]:
    for layer, secret in (
        ("inner", _ROOT),
        ("outer", drawn("inner layer", 1168)),
        ("participant", _ROOT),
    ):
        info = _info(layer, layer, PROGRAMME)
        yield (
            f"root_seal_{layer}",
            vector(
                "root_seal",
                f"The {layer} layer opens with its own key under its own info",
                seed=drawn(f"opening {layer}"),
                **_binding(layer, layer, PROGRAMME),
                sealed=_kept(f"root_seal_{layer}", layer, info, secret),
                plaintext=secret,
            ),
        )
    inner = _kept("root_seal_inner", "inner", _info("inner", "inner", PROGRAMME), _ROOT)
    for name, claim, key, layer, recipient, programme in (
        (
            "with_another_key",
            "The representative's key does not open the inner layer",
            "outer",
            "inner",
            "inner",
            PROGRAMME,
        ),
        ("of_another_layer", "A layer's label is bound", "inner", "outer", "inner", PROGRAMME),
        ("of_another_programme", "The programme is bound", "inner", "inner", "inner", "other"),
    ):
        yield (
            f"root_seal_refused_{name}",
            vector(
                "root_seal_refused",
                claim,
                seed=drawn(f"opening {key}"),
                **_binding(layer, recipient, programme),
                sealed=inner,
            ),
        )
    yield (
        "root_seal_refused_of_another_app",
        vector(
            "root_seal_refused",
            "The app is bound: no relay can pass a segment off as another app's",
            seed=drawn("opening inner"),
            **_binding("inner", "inner", PROGRAMME, app=2),
            sealed=inner,
        ),
    )


def _binding(layer: str, recipient: str, programme: str, app: int = 1) -> dict[str, Json]:
    return {
        "layer": layer,
        "programme": programme,
        "recipient": key_id_of(opening(recipient).public),
        "stream": _STREAM,
        "segment": _SEGMENT,
        "app": app,
        "group": 0,
        "receipt": _RECEIPT_HASH,
        "policy": _POLICY_HASH,
        "root_hash": hashed("candor/v1/root", _ROOT),
    }


def _info(layer: str, recipient: str, programme: str) -> bytes:
    bound = _binding(layer, recipient, programme)
    return joined(f"candor/v1/seal/{bound.pop('layer')}", *bound.values())


@functools.cache
def _kept(name: str, layer: str, info: bytes, secret: bytes) -> bytes:
    """Return the sealed bytes of the committed vector while they open, since sealing is random."""
    path = _HERE / f"{name}.json"
    if path.exists():
        sealed = bytes.fromhex(json.loads(path.read_text())["sealed"])
        try:
            if opening(layer).open(sealed, info) == secret:
                return sealed
        except SignatureError:
            pass
    return seal(opening(layer).public, info, secret)
