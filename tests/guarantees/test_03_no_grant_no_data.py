"""Promise 3: no grant, no data; fail closed.

Every stored batch is bound to a receipt that the device signed over the exact policy. The device of
most of these tests has no conscience (`RogueDevice`): only the relay stands between it and the
store.

Limit: who holds a device's key can sign as that device.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from relay.client import Device, tls_context
from relay.client.device import system_ms
from relay.consent.receipt import parse_receipt
from relay.errors import AccessError, CandorError
from relay.model import SIGNAL_BY_NAME, Signal
from relay.protocol.transcript import sha256
from relay.vault.sign import SigningKey, is_valid
from tests.support.apps import CRM
from tests.support.human import Hand
from tests.support.person import Person
from tests.support.relay import Relay
from tests.support.rogue import RogueDevice
from tests.support.running import start_relay
from tests.support.sabotage import sabotaged_relay
from tests.support.setting import Setting

GRANTED = Signal.POINTER | Signal.CLICK
ONE_ARRAY = b"\x91\x01"
POINTER = {Signal.POINTER: [[0], [400], [300]]}
T0 = 179_560_000_000


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    with start_relay(tmp_path_factory.mktemp("relay")) as started:
        yield started


def device(relay: Relay) -> RogueDevice:
    return RogueDevice(tls=tls_context(relay.authority.file))


# ------------------------------------------------------------ what the store holds, read by hand


def unbound(relay: Relay) -> set[str]:
    """Return what is wrong with stored batches: no receipt, forged, or one not allowing it."""
    database = relay.database()
    try:
        rows = database.execute(
            "SELECT b.signals, g.app, g.receipt, g.policy, r.body, r.signature, d.device_key "
            "FROM batches b JOIN segments g ON g.segment = b.segment "
            "JOIN streams s ON s.stream = b.stream JOIN devices d ON d.device = s.device "
            "LEFT JOIN receipts r ON r.receipt = g.receipt"
        ).fetchall()
    finally:
        database.close()
    return {fault for row in rows for fault in _faults(*row)}


def _faults(
    signals: int,
    app: int,
    receipt_hash: bytes,
    policy: bytes,
    body: bytes | None,
    signature: bytes,
    device_key: bytes,
) -> Iterator[str]:
    if body is None or sha256(body) != receipt_hash:
        yield "no receipt"
        return
    if not is_valid(device_key, signature, "candor/v1/receipt", body):
        yield "forged"
    receipt = parse_receipt(body)
    if bytes(receipt.policy_hash) != policy:
        yield "another policy"
    granted = {grant.app: grant.signals for grant in receipt.grants}
    names = [name for name, bit in SIGNAL_BY_NAME.items() if signals & bit]
    yield from (f"{name} not granted" for name in names if name not in granted.get(app, ()))


def count_receipts(relay: Relay) -> int:
    database = relay.database()
    try:
        return int(database.execute("SELECT count(*) FROM receipts").fetchone()[0])
    finally:
        database.close()


# ---------------------------------------------------------------------------------- the attempts


async def reasons(one: RogueDevice, *attempts: tuple[int, int]) -> set[str]:
    """Seal one batch for each (app, group) and return what the relay said of these."""
    seqs = [one.seal_plaintext(app, group, ONE_ARRAY) for app, group in attempts]
    await one.settled()
    return {str(one.refused.get(seq, "stored")) for seq in seqs}


async def granted(relay: Relay, one: RogueDevice) -> RogueDevice:
    """Enrol, agree to pointer and click in the first app, and seal no more than that."""
    await one.enrol(relay.codes()[0])
    await one.grant({1: GRANTED})
    one.claims(GRANTED)
    return one


async def try_everything(relay: Relay) -> dict[str, set[str]]:
    """Send what was not granted in every way; return the relay's reasons by attempt."""
    said: dict[str, set[str]] = {}
    async with device(relay) as one:
        await granted(relay, one)
        said["what was granted"] = await reasons(one, (1, 0))
    async with device(relay) as one:
        await granted(relay, one)
        one.claims(Signal(255))
        said["more signals than granted"] = await reasons(one, (1, 0))
        said["another app"] = await reasons(one, (2, 0))
        said["key timing"] = await reasons(one, (1, 1))
    async with device(relay) as one:
        await one.enrol(relay.codes()[0])
        await one.decline()
        said["after a no"] = await reasons(one, (1, 0), (1, 1), (2, 0))
    return said


async def test_only_what_was_granted_is_stored(relay: Relay) -> None:
    assert await try_everything(relay) == {
        "what was granted": {"stored"},
        "more signals than granted": {"signal_not_granted"},
        "another app": {"app_not_allowed"},
        "key timing": {"signal_not_granted"},
        "after a no": {"withdrawn"},
    }
    assert relay.stored() != []
    assert unbound(relay) == set()


async def test_nothing_is_stored_after_a_withdrawal(relay: Relay) -> None:
    async with device(relay) as one:
        await granted(relay, one)
        assert await reasons(one, (1, 0)) == {"stored"}
        stream = one.stream
        await one.withdraw()
        assert await reasons(one, *[(1, 0)] * 50) == {"withdrawn"}
        assert relay.stored_of(stream) == [1]


async def test_nobody_forges_a_receipt_for_an_existing_device(relay: Relay) -> None:
    """Someone else's signature, and a receipt in another device's name, both grant nothing."""
    async with device(relay) as one, device(relay) as other:
        await one.enrol(relay.codes()[0])
        await granted(relay, other)
        own = SigningKey(one.state.get("device_seed") or b"")
        for name, signer in ((one.key, SigningKey.generate()), (other.key, own)):
            one.forges(device=name, signer=signer)
            before = count_receipts(relay)
            with pytest.raises(CandorError) as raised:
                await one.grant({1: GRANTED})
            assert raised.value.code in {"bad_signature", "wrong_device"}
            assert count_receipts(relay) == before
        assert relay.stored_of(one.stream) == []


async def test_a_grant_lapses_without_contact(tmp_path: Path) -> None:
    """Thirty days are made by hand in the stopped relay's own file."""
    with start_relay(tmp_path) as relay:
        async with device(relay) as one:
            await granted(relay, one)
            assert await reasons(one, (1, 0)) == {"stored"}
            await one.disconnect()
            await asyncio.to_thread(relay.stop)
            database = sqlite3.connect(relay.data / "relay.sqlite")
            database.execute("UPDATE devices SET contact_day = contact_day - 31")
            database.commit()
            database.close()
            await asyncio.to_thread(relay.start)
            one.connect()
            assert await reasons(one, (1, 0)) == {"grant_lapsed"}
            assert relay.stored_of(one.stream) == [1]


# ------------------------------------------------------------- what a newer policy took back


def narrow(relay: Relay, *changes: tuple[str, str]) -> None:
    """Have both holders sign and publish a next policy with these texts replaced."""
    text = relay.policy.read_text("utf-8")
    for old, new in (("number = 1", "number = 2"), *changes):
        assert old in text, f"the draft has no {old!r}"
        text = text.replace(old, new)
    relay.policy.write_text(text, "utf-8")
    relay.sign()
    relay.publish()


async def after_a_narrower_policy(relay: Relay) -> set[str]:
    """Take clicks out of the programme; return what the relay says to an old device's clicks."""
    async with device(relay) as one:
        await granted(relay, one)
        await asyncio.to_thread(narrow, relay, ('"click", ', ""))
        return await reasons(one, (1, 0))


async def after_the_last_day(relay: Relay) -> set[str]:
    """End the programme yesterday; return what the relay says to a device that goes on."""
    async with device(relay) as one:
        await granted(relay, one)
        draft = relay.policy.read_text("utf-8")
        first, last = re.findall(r'(?m)^(?:first|last)_day = "([0-9-]+)"', draft)
        ended = (
            ('first_day = "' + first, 'first_day = "2020-01-01'),
            ('last_day = "' + last, 'last_day = "2020-06-01'),
        )
        await asyncio.to_thread(narrow, relay, *ended)
        return await reasons(one, (1, 0))


async def test_what_a_newer_policy_took_back_is_refused(tmp_path: Path) -> None:
    with start_relay(tmp_path) as relay:
        assert await after_a_narrower_policy(relay) == {"signal_not_granted"}


async def test_after_the_last_day_nothing_is_stored(tmp_path: Path) -> None:
    with start_relay(tmp_path) as relay:
        assert await after_the_last_day(relay) == {"programme_ended"}


async def test_a_device_that_hears_nothing_for_a_day_records_nothing(relay: Relay) -> None:
    """Unreachable consent is no consent: the device itself stops."""
    ahead = [0]
    clock = system_clock_ahead(ahead)
    async with Device(None, tls=tls_context(relay.authority.file), clock=clock) as one:
        await one.enrol(relay.codes()[0])
        await one.grant({1: GRANTED})
        assert one.seal(1, T0, 7, POINTER) == [1]
        await one.settled()
        await one.disconnect()
        ahead[0] = 25 * 60 * 60 * 1000
        with pytest.raises(AccessError) as raised:
            one.seal(1, T0, 7, POINTER)
        assert raised.value.code == "stale"


def system_clock_ahead(ahead: list[int]) -> Callable[[], int]:
    return lambda: system_ms() + ahead[0]


# ------------------------------------------------------------------------------------ sabotage


async def test_sabotage_a_gate_that_lets_everything_in_is_seen(tmp_path: Path) -> None:
    open_gate = sabotaged_relay(
        "import relay.ingest", "relay.ingest.batch_verdict = lambda *_: None"
    )
    with start_relay(tmp_path, command=open_gate) as relay:
        said = await try_everything(relay)
        assert said["key timing"] == said["another app"] == {"stored"}
        assert unbound(relay) >= {"key_timing not granted", "scroll not granted"}


async def test_sabotage_a_gate_without_the_policy_in_force_is_seen(tmp_path: Path) -> None:
    blind = sabotaged_relay(
        "import relay.ingest as ingest",
        "import relay.consent.gate as gate",
        "honest = ingest.segment_verdict",
        "def verdict(segment, own, receipt, current, consent, **more):",
        "    return honest(segment, own, receipt, own, consent, **more)",
        "ingest.segment_verdict = verdict",
    )
    for number, attempt in enumerate((after_a_narrower_policy, after_the_last_day)):
        with start_relay(tmp_path / str(number), command=blind) as relay:
            assert await attempt(relay) == {"stored"}


async def test_sabotage_a_relay_that_checks_no_signature_is_seen(tmp_path: Path) -> None:
    blind = sabotaged_relay(
        "import relay.rights.consenting as rights", "rights.is_valid = lambda *_: True"
    )
    with start_relay(tmp_path, command=blind) as relay:
        async with device(relay) as one:
            await one.enrol(relay.codes()[0])
            one.forges(device=one.key, signer=SigningKey.generate())
            await one.grant({1: GRANTED})
            one.claims(GRANTED)
            assert await reasons(one, (1, 0)) == {"stored"}
        assert unbound(relay) == {"forged"}


# ----------------------------------------------------------------------------------- a browser
# It comes last: its driver's event loop would disturb async tests after it.


def test_a_browser_without_a_grant_records_nothing(setting: Setting, driver: Playwright) -> None:
    """An installed extension alone, even with the browser's permission, records nothing."""
    browser = setting.browser(driver)
    page = browser.context.new_page()
    contexts = browser.watch_contexts(page)
    page.goto(CRM)
    person = Person(page, Hand(3, pace=4))
    for link in page.get_by_role("link").all()[:3]:
        person.click(link)
    person.scroll(200)
    page.wait_for_timeout(1500)
    assert contexts.of_extension() == []
    assert setting.relay.stored() == []
