"""request, unlock and open against a real relay: two key holders together, neither alone."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from relay.client import Device, Web, tls_context
from relay.client.codec import pack_array
from relay.consent.canonical import canonical
from relay.consent.document import encode_key
from relay.dataset.checking import Evidence, PinnedKeys, SkipReason, trust_own_policy
from relay.dataset.opening import Opened, Tally, Validated, open_everything, validate
from relay.dataset.reading import Reader, ReceiptRow, SegmentRow
from relay.dataset.request import SignedRequest, check_request, make_request, read_request
from relay.dataset.unlock import Plan, peel, prepare, read_unlocked
from relay.errors import AccessError, InputError, SignatureError
from relay.model import KeyId, Signal
from relay.protocol.vocabulary import pack_target
from relay.vault.keys import KeyFile, load_keys, new_keys, save_keys
from tests.support.relay import CandorFailedError, Relay, candor
from tests.support.running import start_relay

T0 = 179_560_000_000
BUTTON = pack_target(tag="button", landmark="navigation")
EVENTS = {
    Signal.POINTER: [[0, 1, 2], [400, -3, 0], [300, 4, 0]],
    Signal.CLICK: [[5], [0], [BUTTON], [28]],
}
GRANTED = Signal.POINTER | Signal.CLICK | Signal.KEY_TIMING
FIRST, LAST = "2020-01-01", "2100-01-01"


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """Run a relay that holds 3 good batches, 1 of key timing, and 3 whose columns break rules."""
    with start_relay(tmp_path_factory.mktemp("relay")) as started:
        asyncio.run(_record(started))
        yield started


async def _record(relay: Relay) -> None:
    async with Device(tls=tls_context(relay.authority.file)) as one:
        await one.enrol(relay.codes()[0])
        await one.grant({1: GRANTED, 2: Signal.POINTER})
        for number in range(3):
            one.seal(1, T0 + number, 7, EVENTS)
        one.seal(1, T0, 7, {Signal.KEY_TIMING: [[0, 12], [8, 9], [1, 3]]})
        one.seal_plaintext(1, 0, b"\xc1typed text")
        one.seal_plaintext(1, 0, pack_array(1, 2, 0, 3, T0, 7, 0, *([None] * 8)))
        one.seal_plaintext(1, 0, pack_array(1, 1, 0, 3, T0, 7, 0, [[0], ["x"], [0]], *[None] * 7))
        await one.settled()
        assert one.refused == {}


@pytest.fixture
def research(relay: Relay) -> KeyFile:
    return load_keys(relay.keys / "research.key.json")


@pytest.fixture
def representative(relay: Relay) -> KeyFile:
    return load_keys(relay.keys / "representative.key.json")


def researcher(relay: Relay, research: KeyFile) -> Reader:
    web = Web(relay.origin, tls_context(relay.authority.file))
    return Reader(web, "research", research.signing("requests"))


def unlocker(relay: Relay, representative: KeyFile) -> Reader:
    web = Web(relay.origin, tls_context(relay.authority.file))
    return Reader(web, "representative", representative.signing("representative"))


def pinned(relay: Relay, representative: KeyFile) -> PinnedKeys:
    controller = load_keys(relay.keys / "controller.key.json")
    return PinnedKeys(
        controller.signing("controller").public, representative.signing("representative").public
    )


@pytest.fixture
def asked(relay: Relay, research: KeyFile) -> SignedRequest:
    return ask(relay, research)


def ask(
    relay: Relay, research: KeyFile, first: str = FIRST, last: str = LAST, app: str = "crm"
) -> SignedRequest:
    reader = researcher(relay, research)
    policy, _ = trust_own_policy(
        reader, research.opening("inner").public, research.signing("requests").public
    )
    return make_request(
        research, policy, apps=[app], first_day=first, last_day=last, purpose="To test"
    )


@pytest.fixture
def plan(relay: Relay, representative: KeyFile, asked: SignedRequest) -> Plan:
    reader = unlocker(relay, representative)
    return prepare(reader, Evidence(reader, pinned(relay, representative)), asked)


def opened(
    relay: Relay,
    research: KeyFile,
    representative: KeyFile,
    asked: SignedRequest,
    data: bytes,
    reader: Reader | None = None,
) -> tuple[list[Opened], Tally]:
    reader = reader or researcher(relay, research)
    policy, trusted = trust_own_policy(
        reader, research.opening("inner").public, research.signing("requests").public
    )
    unlocked = read_unlocked(data, asked, representative.signing("representative").public)
    tally = Tally()
    found = open_everything(
        reader,
        Evidence(reader, trusted),
        check_request(asked, policy),
        unlocked,
        research.opening("inner"),
        tally,
    )
    return list(found), tally


def test_both_together_open_everything_and_drop_what_breaks_a_rule(
    relay: Relay, research: KeyFile, representative: KeyFile, asked: SignedRequest, plan: Plan
) -> None:
    data = peel(plan, representative.opening("outer"), representative.signing("representative"))
    found, tally = opened(relay, research, representative, asked, data)
    assert tally.segments == 2
    assert [one.seq for one in found] == [1, 2, 3, 5, 6, 7, 4]
    assert found[3].plaintext == b"\xc1typed text"
    kept = [batch for one in found if (batch := validate(one, tally)) is not None]
    assert all(isinstance(batch, Validated) for batch in kept)
    assert tally.events == {"pointer": 9, "click": 3, "key_timing": 2}
    assert tally.dropped_batches == {
        "columns_malformed": 1,
        "columns_header": 1,
        "columns_bound": 1,
    }
    assert not tally.dropped_segments


def test_the_request_is_shown_in_words(plan: Plan) -> None:
    said = "\n".join(plan.sentences())
    assert "To test" in said
    assert "2 segments" in said
    assert "1 of them key timing" in said
    assert "1 streams on 1 days" in said


def test_the_representative_alone_opens_nothing(
    relay: Relay, representative: KeyFile, plan: Plan
) -> None:
    outer = representative.opening("outer")
    for checked in plan.segments:
        inner_layer = outer.open(
            checked.row.sealed_root, checked.binding("outer", KeyId(checked.row.outer_key))
        )
        with pytest.raises(SignatureError):
            outer.open(inner_layer, checked.binding("inner", KeyId(checked.row.inner_key)))
        assert checked.row.salt is None
        with pytest.raises(AccessError):
            list(unlocker(relay, representative).batches(checked.row.stream, checked.row.segment))


def test_research_alone_opens_nothing(
    relay: Relay, research: KeyFile, representative: KeyFile, asked: SignedRequest, plan: Plan
) -> None:
    inner = research.opening("inner")
    for checked in plan.segments:
        with pytest.raises(SignatureError):
            inner.open(
                checked.row.sealed_root, checked.binding("inner", KeyId(checked.row.inner_key))
            )
        with pytest.raises(SignatureError):
            inner.open(
                checked.row.sealed_root, checked.binding("outer", KeyId(checked.row.outer_key))
            )
    forged = peel(plan._replace(segments=[]), inner, research.signing("requests"))
    with pytest.raises(SignatureError):
        opened(relay, research, representative, asked, forged)


def test_what_was_not_unlocked_does_not_open(
    relay: Relay, research: KeyFile, representative: KeyFile, asked: SignedRequest, plan: Plan
) -> None:
    part = plan._replace(segments=plan.segments[:1])
    data = peel(part, representative.opening("outer"), representative.signing("representative"))
    found, tally = opened(relay, research, representative, asked, data)
    assert tally.dropped_segments == {SkipReason.NOT_UNLOCKED: 1}
    assert {one.segment for one in found} == {plan.segments[0].row.segment}


def test_a_wrong_outer_key_is_counted_as_unopenable(plan: Plan, representative: KeyFile) -> None:
    other = new_keys("representative").opening("outer")
    data = peel(plan, other, representative.signing("representative"))
    header = json.loads(data.splitlines()[0])
    assert header["skipped"] == {"unopenable": 2}
    assert header["segments"] == 0


def test_an_unlocked_file_answers_its_request_only(
    relay: Relay, research: KeyFile, representative: KeyFile, plan: Plan
) -> None:
    data = peel(plan, representative.opening("outer"), representative.signing("representative"))
    with pytest.raises(InputError, match="another request"):
        opened(relay, research, representative, ask(relay, research), data)


def test_a_changed_unlocked_file_is_refused(
    relay: Relay, research: KeyFile, representative: KeyFile, asked: SignedRequest, plan: Plan
) -> None:
    data = peel(plan, representative.opening("outer"), representative.signing("representative"))
    lines = data.splitlines(keepends=True)
    with pytest.raises(SignatureError):
        opened(relay, research, representative, asked, b"".join([lines[0], *lines[2:]]))
    with pytest.raises(InputError, match="no whole unlocked file"):
        opened(relay, research, representative, asked, b"".join(lines[:-1]))


def test_days_and_apps_outside_the_request_stay_closed(
    relay: Relay, research: KeyFile, representative: KeyFile
) -> None:
    reader = unlocker(relay, representative)
    evidence = Evidence(reader, pinned(relay, representative))
    for request in (
        ask(relay, research, last="2020-01-02"),
        ask(relay, research, app="wiki"),
    ):
        assert prepare(reader, evidence, request).segments == []


class LyingReader(Reader):
    """A relay's answers with one row changed on the way."""

    change: Mapping[str, object] = {}
    receipt_change: Mapping[str, object] = {}
    batch_change: Mapping[str, object] = {}
    times = 1

    def segments(
        self, apps: tuple[int, ...], first_day: str, last_day: str
    ) -> Iterator[SegmentRow]:
        for row in super().segments(apps, first_day, last_day):
            yield msgspec.structs.replace(row, **self.change)

    def receipts(self, hashes: list[bytes]) -> list[ReceiptRow]:
        return [
            msgspec.structs.replace(row, **self.receipt_change) for row in super().receipts(hashes)
        ]


@pytest.mark.parametrize(
    ("change", "receipt_change", "reason"),
    [
        ({"app": 2}, {}, SkipReason.OUTSIDE_REQUEST),
        ({"day": 1}, {}, SkipReason.OUTSIDE_REQUEST),
        ({"policy": bytes(32)}, {}, SkipReason.POLICY_UNVERIFIED),
        ({"receipt": bytes(32)}, {}, SkipReason.RECEIPT_UNVERIFIED),
        ({}, {"signature": bytes(64)}, SkipReason.RECEIPT_UNVERIFIED),
        ({}, {"device_key": bytes(32)}, SkipReason.RECEIPT_UNVERIFIED),
        ({}, {"body": b"{}"}, SkipReason.RECEIPT_UNVERIFIED),
        ({"stream": bytes(32)}, {}, SkipReason.OTHER_DEVICE),
        ({"stream_salt": bytes(16)}, {}, SkipReason.OTHER_DEVICE),
        ({"inner_key": bytes(16)}, {}, SkipReason.WRONG_RECIPIENT),
        ({"outer_key": bytes(16)}, {}, SkipReason.WRONG_RECIPIENT),
        ({"segment": bytes(16)}, {}, SkipReason.REPEATED),
    ],
)
def test_what_a_relay_changes_is_left_out(
    relay: Relay,
    representative: KeyFile,
    asked: SignedRequest,
    change: dict[str, object],
    receipt_change: dict[str, object],
    reason: SkipReason,
) -> None:
    web = Web(relay.origin, tls_context(relay.authority.file))
    reader = LyingReader(web, "representative", representative.signing("representative"))
    reader.change, reader.receipt_change = change, receipt_change
    plan = prepare(reader, Evidence(reader, pinned(relay, representative)), asked)
    assert plan.skipped[reason] >= 1
    assert len(plan.segments) + plan.skipped.total() == 2


def test_a_segment_passed_off_as_another_apps_stays_sealed(
    relay: Relay, research: KeyFile, representative: KeyFile
) -> None:
    class Relabelling(Reader):
        def segments(
            self, apps: tuple[int, ...], first_day: str, last_day: str
        ) -> Iterator[SegmentRow]:
            assert apps == (2,)
            for row in super().segments((1,), first_day, last_day):
                yield msgspec.structs.replace(row, app=2, group=0)

    web = Web(relay.origin, tls_context(relay.authority.file))
    reader = Relabelling(web, "representative", representative.signing("representative"))
    asked = ask(relay, research, app="wiki")
    plan = prepare(reader, Evidence(reader, pinned(relay, representative)), asked)
    assert len(plan.segments) == 2
    data = peel(plan, representative.opening("outer"), representative.signing("representative"))
    assert json.loads(data.splitlines()[0])["skipped"] == {"unopenable": 2}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"apps": "no pointer, click and key timing"}, SkipReason.NOT_GRANTED),
        ({"window": "ended"}, SkipReason.OUTSIDE_WINDOW),
    ],
)
def test_what_the_policy_in_force_took_back_stays_closed(
    relay: Relay,
    representative: KeyFile,
    asked: SignedRequest,
    changed: dict[str, object],
    reason: SkipReason,
) -> None:
    reader = unlocker(relay, representative)
    evidence = Evidence(reader, pinned(relay, representative))
    policy = evidence.current_policy()
    if "apps" in changed:
        apps = [msgspec.structs.replace(app, signals=["scroll"]) for app in policy.apps]
        narrowed = msgspec.structs.replace(policy, apps=apps)
    else:
        window = msgspec.structs.replace(policy.window, last_day=policy.window.first_day)
        earlier = msgspec.structs.replace(window, first_day="2020-01-01", last_day="2020-01-02")
        narrowed = msgspec.structs.replace(policy, window=earlier)
    evidence._current = narrowed  # noqa: SLF001 - as if both keys had signed it
    plan = prepare(reader, evidence, asked)
    assert plan.segments == []
    assert plan.skipped == {reason: 2}


@pytest.mark.parametrize(
    "number", ["\x1b[3F\x1b[JApps: Wiki", "", "A" * 32, "a" * 33, "a" * 32 + "\n"]
)
def test_a_request_cannot_write_on_the_representatives_screen(
    relay: Relay, representative: KeyFile, research: KeyFile, asked: SignedRequest, number: str
) -> None:
    body = canonical(json.loads(asked.body) | {"id": number})
    forged = msgspec.structs.replace(
        asked,
        body=body.decode(),
        signature=encode_key(research.signing("requests").sign("candor/v1/request", body)),
    )
    reader = unlocker(relay, representative)
    with pytest.raises(InputError, match="malformed field"):
        prepare(reader, Evidence(reader, pinned(relay, representative)), forged)


def test_other_pinned_keys_unlock_nothing(
    relay: Relay, representative: KeyFile, asked: SignedRequest
) -> None:
    reader = unlocker(relay, representative)
    other = PinnedKeys(bytes(32), representative.signing("representative").public)
    with pytest.raises(SignatureError, match="other keys"):
        prepare(reader, Evidence(reader, other), asked)


def test_only_the_requests_key_makes_a_request(
    relay: Relay, research: KeyFile, representative: KeyFile, asked: SignedRequest
) -> None:
    reader = unlocker(relay, representative)
    evidence = Evidence(reader, pinned(relay, representative))
    wider = asked.body.replace(FIRST, "2019-01-01")
    forged = base64.urlsafe_b64encode(bytes(64)).rstrip(b"=").decode()
    for changed in (
        msgspec.structs.replace(asked, body=wider),
        msgspec.structs.replace(asked, signature=forged),
        msgspec.structs.replace(asked, signature="?"),
    ):
        with pytest.raises(SignatureError):
            prepare(reader, evidence, changed)
    with pytest.raises(AccessError, match="other research keys"):
        make_request(
            new_keys("research"),
            evidence.current_policy(),
            apps=["crm"],
            first_day=FIRST,
            last_day=LAST,
            purpose="x",
        )


@pytest.mark.parametrize(
    ("first", "last", "app", "said"),
    [
        ("2026-13-01", LAST, "crm", "2026-11-24"),
        (LAST, FIRST, "crm", "before its first"),
        (FIRST, LAST, "mail", "no app 'mail'"),
    ],
)
def test_an_unusable_request_says_what_to_mend(
    relay: Relay, research: KeyFile, first: str, last: str, app: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        ask(relay, research, first, last, app)


class Commands:
    """The three commands with their files in one folder."""

    def __init__(self, relay: Relay, folder: Path) -> None:
        self.relay = relay
        self.request, self.unlocked = folder / "request.json", folder / "unlocked.jsonl"
        self.events = folder / "events.jsonl"

    def ask(self) -> str:
        return candor(
            *self.relay.where(["request"]),
            *("--key", self.relay.keys / "research.key.json", "--app", "crm"),
            *("--first-day", FIRST, "--last-day", LAST, "--purpose", "To test"),
            *("--out", self.request),
        )

    def unlock(self, *more: str, role: str = "representative", answers: str = "") -> str:
        return candor(
            *self.relay.where(["unlock", self.request]),
            *("--key", self.relay.keys / f"{role}.key.json"),
            *("--controller-key", self.relay.keys / "controller.pub.json"),
            "--out",
            self.unlocked,
            *more,
            answers=answers,
        )

    def open(self, *more: str, role: str = "research", unlocked: Path | None = None) -> str:
        return candor(
            *self.relay.where(["open", unlocked or self.unlocked]),
            *("--key", self.relay.keys / f"{role}.key.json", "--request", self.request),
            *more,
        )


def test_the_commands_open_events_in_words(relay: Relay, tmp_path: Path) -> None:
    commands = Commands(relay, tmp_path)
    commands.ask()
    assert "To test" in commands.unlock(answers="y\n")
    commands.open("--out", str(commands.events))
    events = [json.loads(line) for line in commands.events.read_text().splitlines()]
    assert len(events) == 14
    click = next(event for event in events if event["signal"] == "click")
    assert click["target"] == "button in navigation"
    assert click["t_ms"] == T0 * 10 + 50
    assert click["app"] == "crm"
    pointer = [event for event in events if event["signal"] == "pointer"][:3]
    assert [(event["x"], event["y"]) for event in pointer] == [(400, 300), (397, 304), (397, 304)]
    assert {event["class"] for event in events if event["signal"] == "key_timing"} == {
        "type",
        "submit",
    }
    assert len({event["stream"] for event in events}) == 1
    summary = json.loads(Path(f"{commands.events}.summary.json").read_text())
    assert summary["validated"] == 4
    assert summary["dropped_batches"]["columns_bound"] == 1
    for path in (commands.request, commands.unlocked, commands.events):
        assert path.stat().st_mode & 0o077 == 0
    table = commands.open("--format", "table")
    assert "button in navigation" in table
    other = json.loads(commands.open().splitlines()[0])
    assert other["stream"] != events[0]["stream"]


def test_saying_no_unlocks_nothing(relay: Relay, tmp_path: Path) -> None:
    commands = Commands(relay, tmp_path)
    commands.ask()
    with pytest.raises(CandorFailedError, match="Nothing was unlocked"):
        commands.unlock(answers="n\n")
    assert not commands.unlocked.exists()


def test_one_key_alone_fails_with_a_clear_message(relay: Relay, tmp_path: Path) -> None:
    commands = Commands(relay, tmp_path)
    commands.ask()
    with pytest.raises(CandorFailedError, match="takes the representative's key"):
        commands.unlock("--yes", role="research")
    with pytest.raises(CandorFailedError, match="research key alone opens nothing"):
        commands.open(unlocked=commands.request)
    commands.unlock("--yes")
    with pytest.raises(CandorFailedError, match="takes the research's key") as failed:
        commands.open(role="representative")
    assert failed.value.code == 4
    assert "Traceback" not in failed.value.said


def test_another_researcher_opens_nothing(relay: Relay, tmp_path: Path) -> None:
    commands = Commands(relay, tmp_path)
    commands.ask()
    commands.unlock("--yes")
    save_keys(new_keys("research"), tmp_path / "keys")
    with pytest.raises(CandorFailedError, match="another researcher's keys"):
        candor(
            *relay.where(["open", commands.unlocked]),
            "--key",
            tmp_path / "keys" / "research.key.json",
            "--request",
            commands.request,
        )


def test_files_are_not_overwritten(relay: Relay, tmp_path: Path) -> None:
    commands = Commands(relay, tmp_path)
    commands.ask()
    before = commands.request.read_bytes()
    with pytest.raises(CandorFailedError, match="not overwritten"):
        commands.ask()
    assert commands.request.read_bytes() == before
    assert read_request(commands.request).format == "candor-request-file-v1"
