"""A device without a relay: what it may seal, its outbox's bounds, its segments."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgpack  # type: ignore[import-untyped]  # it ships no types
import pytest

from relay.client import outbox as outbox_module
from relay.client import wire
from relay.client.codec import unpack_array
from relay.client.consenting import FRESH_MS, Consent, grants_of
from relay.client.outbox import OUTBOX_MS, SEGMENT_MS, Outbox
from relay.client.state import State
from relay.consent.document import SignedPolicy
from relay.errors import AccessError, ColumnsError, InputError, ProtocolError, SignatureError
from relay.model import DropReason, Signal, StreamId
from relay.protocol.transcript import sha256
from relay.protocol.vocabulary import pack_target
from tests.vectors.craft import Json, canonical_text, changed, opening, policy_document, signing

STREAM = StreamId(b"s" * 32)
DAY_MS = 86_400_000
NOW = 20_800 * DAY_MS  # within the example policy's window
POINTER = {Signal.POINTER: [[0], [1], [2]]}
BUTTON = pack_target(tag="button", landmark="main")
GENERAL = Signal.POINTER | Signal.CLICK


def signed(document: Json) -> SignedPolicy:
    body = canonical_text(document)
    return SignedPolicy(
        body,
        signing("controller").sign("candor/v1/policy", "controller", body),
        signing("representative").sign("candor/v1/policy", "representative", body),
    )


def confirm(consent: Consent) -> None:
    body, _ = consent.signed("pending") or (b"", b"")
    proof = signing("ledger").sign("candor/v1/granted", STREAM, sha256(body), 1)
    consent.confirm_grant(wire.Granted(sha256(body), 1, proof), STREAM)


class Bench:
    """A device's state, consent and outbox, with a grant that the ledger key confirmed."""

    def __init__(self, granted: Signal = GENERAL, path: Path | None = None) -> None:
        self.state = State(path)
        self.consent = Consent(self.state, signing("device"), opening("participant"))
        self.consent.pin(signed(policy_document()))
        self.consent.draft("pending", {1: granted}, NOW)
        confirm(self.consent)
        self.state.put("welcome_ms", NOW)
        self.announced = 0
        self.outbox = Outbox(
            self.state, self.consent, opening("participant").public, lambda: self.announced
        )

    def seal(self, now_ms: int = NOW, app: int = 1, **events: Json) -> list[int]:
        found = {Signal[name.upper()]: columns for name, columns in events.items()} or POINTER
        return list(self.outbox.seal(STREAM, app, 5, 7, found, now_ms))

    def waiting(self) -> list[tuple[int, str | None]]:
        return [(entry.seq, entry.reason) for entry in self.state.waiting(0, 1_000)]

    def segments(self) -> set[bytes]:
        return {entry.segment for entry in self.state.waiting(0, 1_000) if not entry.reason}


def refusal(bench: Bench, now_ms: int = NOW, app: int = 1) -> str:
    with pytest.raises(AccessError) as raised:
        bench.seal(now_ms, app)
    assert bench.state.get_int("last_seq") == 0
    return raised.value.code


def test_nothing_in_the_outbox_is_readable() -> None:
    bench = Bench()
    plaintext = msgpack.packb([1, 1, 0, 3, 5, 7, 0, [[0], [1], [2]], *[None] * 7])
    bench.seal()
    (entry,) = bench.state.waiting(0, 10)
    assert plaintext not in entry.frame
    assert unpack_array(entry.frame)[:4] == [wire.BATCH, 1, entry.segment, int(GENERAL)]


def test_a_segment_lasts_ten_minutes_in_one_app_and_group() -> None:
    bench = Bench(GENERAL | Signal.KEY_TIMING)
    bench.seal()
    bench.seal(NOW + SEGMENT_MS - 1)
    assert len(bench.segments()) == 1
    bench.seal(NOW + SEGMENT_MS)
    assert len(bench.segments()) == 2
    bench.seal(NOW + SEGMENT_MS, key_timing=[[0], [1], [1]])
    assert len(bench.segments()) == 3
    bench.outbox.forget_keys()
    bench.seal(NOW + SEGMENT_MS)
    assert len(bench.segments()) == 4


def test_a_new_receipt_begins_a_new_segment() -> None:
    bench = Bench()
    bench.seal()
    bench.consent.draft("pending", {1: GENERAL}, NOW + 1_000)
    confirm(bench.consent)
    bench.seal()
    assert len(bench.segments()) == 2


def test_a_segment_names_its_receipts_policy() -> None:
    bench = Bench()
    agreed = bench.consent.policy_hash
    bench.consent.adopt(msgpack_parts(changed(policy_document(), "number", 2)))
    assert bench.consent.policy_hash != agreed
    bench.seal()
    (entry,) = bench.state.waiting(0, 10)
    assert unpack_array(bench.state.segment_frame(entry.segment))[5] == agreed


def msgpack_parts(document: Json) -> tuple[bytes, bytes, bytes]:
    one = signed(document)
    return one.body, one.controller, one.representative


def test_a_narrower_policy_holds_at_once() -> None:
    bench = Bench()
    narrower = changed(changed(policy_document(), "number", 2), "apps.0.signals", ["click"])
    bench.consent.adopt(msgpack_parts(narrower))
    assert bench.consent.allowed(1, NOW) == Signal.CLICK
    assert refusal(bench) == "signal_not_granted"


def test_a_wider_policy_changes_nothing() -> None:
    bench = Bench()
    wider = changed(changed(policy_document(), "number", 2), "apps.0.signals", ["click", "hover"])
    bench.consent.adopt(msgpack_parts(wider))
    assert bench.consent.allowed(1, NOW) == Signal.CLICK


@pytest.mark.parametrize(
    ("path", "value", "widens"),
    [
        ("purposes", ["To learn which steps of the CRM take needless effort", "More"], True),
        ("purposes", ["Something else"], True),
        ("eligible", "Everyone", True),
        ("retention_days", 184, True),
        ("retention_days", 182, False),
        ("backup_days", 8, True),
        ("backup_days", 6, False),
        ("k", 9, True),
        ("k", 11, False),
        ("apps.0.origins", ["https://other.corp.example"], True),
        ("apps.0.excluded_paths", ["/payroll", "/sick-leave"], False),
    ],
)
def test_whatever_widens_records_nothing_until_agreed_to(
    path: str, value: Json, *, widens: bool
) -> None:
    bench = Bench()
    document = changed(changed(policy_document(), "number", 2), path, value)
    bench.consent.adopt(msgpack_parts(document))
    if not widens:
        assert bench.seal() == [1]
        return
    assert refusal(bench) == "app_not_allowed"
    bench.consent.draft("pending", {1: GENERAL}, NOW)
    confirm(bench.consent)
    assert bench.seal() == [1]


@pytest.mark.parametrize(
    ("path", "value"),
    [("number", 1), ("relay", "https://other.corp.example"), ("programme", "other")],
)
def test_a_policy_that_is_no_successor_stops_everything(path: str, value: Json) -> None:
    bench = Bench()
    other = changed(changed(policy_document(), "number", 2), path, value)
    other = changed(other, "backup_days", 8)
    with pytest.raises(SignatureError):
        bench.consent.adopt(msgpack_parts(other))
    assert refusal(bench) == "policy_changed"


def test_a_policy_signed_by_one_stops_everything() -> None:
    bench = Bench()
    body, controller, _ = msgpack_parts(changed(policy_document(), "number", 2))
    with pytest.raises(SignatureError):
        bench.consent.adopt((body, controller, controller))
    assert refusal(bench) == "policy_changed"


def test_nothing_is_sealed_when_the_relay_was_silent_for_a_day() -> None:
    assert Bench().seal(NOW + FRESH_MS - 1) == [1]
    assert refusal(Bench(), NOW + FRESH_MS) == "stale"
    assert refusal(Bench(), NOW - 1) == "stale"


def test_nothing_is_sealed_outside_the_window_or_the_grant() -> None:
    bench = Bench()
    bench.state.put("welcome_ms", NOW + 400 * DAY_MS)
    assert refusal(bench, NOW + 400 * DAY_MS) == "programme_ended"
    assert refusal(Bench(), app=2) == "app_not_allowed"
    bench = Bench()
    bench.state.put("stopped", b"programme_ended")
    assert refusal(bench) == "programme_ended"
    bench = Bench()
    bench.consent.draft("leaving", {}, NOW)
    assert refusal(bench) == "withdrawn"


def test_events_are_sealed_whole_or_not_at_all() -> None:
    bench = Bench(GENERAL | Signal.KEY_TIMING)
    with pytest.raises(ColumnsError):
        bench.seal(pointer=[[0], [1], [2]], key_timing=[[0], [1], [9]])
    long = [[0] * 2_048, [30_000] * 2_048, [30_000] * 2_048]
    with pytest.raises(ColumnsError, match="Seal fewer"):
        bench.seal(pointer=long, click=[[0] * 2_048, [0] * 2_048, [BUTTON] * 2_048, [0] * 2_048])
    assert bench.waiting() == []


def test_old_batches_expire_and_are_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "_BOUNDS_EVERY", 1)
    bench = Bench()
    bench.seal()
    bench.seal()
    bench.announced = 1
    later = NOW + OUTBOX_MS + 1
    bench.state.put("welcome_ms", later)
    bench.seal(later)
    assert bench.waiting() == [(1, None), (2, "outbox_expired"), (3, None)]


def test_a_full_outbox_drops_its_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "_BOUNDS_EVERY", 1)
    monkeypatch.setattr(outbox_module, "OUTBOX_BYTES", 1_000)
    bench = Bench()
    for _ in range(6):
        bench.seal()
    assert bench.waiting() == [
        *((seq, "outbox_full") for seq in (1, 2, 3)),
        *((seq, None) for seq in (4, 5, 6)),
    ]
    assert bench.state.counts()[1] <= 1_000


def test_settling_lets_go_and_keeps_refusals() -> None:
    bench = Bench()
    for _ in range(3):
        bench.seal()
    (segment,) = bench.segments()
    bench.state.settle(2, [(2, "withdrawn")])
    assert bench.waiting() == [(3, None)]
    assert bench.state.refused == {2: "withdrawn"}
    bench.state.settle(3, [])
    assert bench.state.is_empty
    with pytest.raises(KeyError):
        bench.state.segment_frame(segment)


def test_dropping_destroys_the_bytes(tmp_path: Path) -> None:
    bench = Bench(path=tmp_path / "device.sqlite")
    bench.seal()
    (entry,) = bench.state.waiting(0, 10)
    assert bench.state.drop(0, DropReason.WITHDRAWN) == 1
    assert bench.waiting() == [(1, "withdrawn")]
    bench.state.close()
    assert entry.frame[40:] not in (tmp_path / "device.sqlite").read_bytes()


def test_a_failed_change_leaves_no_trace() -> None:
    state = State()

    def fail() -> None:
        with state.change():
            state.next_seq()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert state.get_int("last_seq") == 0


def test_state_survives_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "device.sqlite"
    bench = Bench(path=path)
    bench.seal()
    bench.state.close()
    again = State(path)
    consent = Consent(again, signing("device"), opening("participant"))
    assert consent.allowed(1, NOW) == GENERAL
    assert [entry.seq for entry in again.waiting(0, 10)] == [1]
    assert path.stat().st_mode & 0o077 == 0
    again.close()


def test_only_what_was_asked_is_believed() -> None:
    bench = Bench()
    body, _ = bench.consent.draft("pending", {}, NOW)
    ledger = signing("ledger")
    forged = signing("device").sign("candor/v1/granted", STREAM, sha256(body), 2)
    with pytest.raises(SignatureError):
        bench.consent.confirm_grant(wire.Granted(sha256(body), 2, forged), STREAM)
    other = hashlib.sha256(b"other").digest()
    proof = ledger.sign("candor/v1/granted", STREAM, other, 2)
    with pytest.raises(ProtocolError):
        bench.consent.confirm_grant(wire.Granted(other, 2, proof), STREAM)
    bench.state.put("withdraw_through", 3)
    proof = ledger.sign("candor/v1/withdrawn", STREAM, sha256(body), 4, 2)
    with pytest.raises(ProtocolError):
        bench.consent.confirm_withdrawal(wire.Withdrawn(sha256(body), 4, 2, proof), STREAM)
    assert bench.consent.allowed(1, NOW) == GENERAL


def test_grants_are_written_with_names() -> None:
    assert grants_of({1: ("pointer", "click")}) == {1: GENERAL}
    with pytest.raises(InputError):
        grants_of({1: ("screen",)})
    with pytest.raises(InputError):
        Bench().consent.draft("pending", {1: Signal.SCROLL}, NOW)
