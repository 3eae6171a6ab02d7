"""Promise 7: no lone reader.

The device seals before it sends, to keys of the policy it verified itself. Researcher,
representative, operator, whoever stole the database, and whoever looks into TLS open nothing alone.

Limit: one's own copy opens on one's own device; both key holders together can read, which is the
purpose; nothing proves yet what the representative was shown before unlocking.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from pathlib import Path

import msgpack  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import Playwright

from relay.client import Device, tls_context
from relay.errors import CandorError
from relay.model import Signal
from relay.vault.keys import load_keys
from relay.vault.seal import OpeningKey
from tests.support.apps import CRM
from tests.support.aside import aside
from tests.support.human import Hand
from tests.support.pages import agree_by_message, settled
from tests.support.person import Person
from tests.support.relay import CandorFailedError, Relay
from tests.support.rogue import RogueDevice
from tests.support.sabotage import sabotaged_extension
from tests.support.setting import SIGNALS, Programme, Setting
from tests.support.thief import opened


def work(setting: Setting, driver: Playwright) -> None:
    """Have a person agree, work a little, and wait until everything is acked."""
    browser = setting.browser(driver)
    agree_by_message(browser, setting.relay.codes()[0], SIGNALS)
    page = browser.context.new_page()
    page.goto(CRM)
    person = Person(page, Hand(7, pace=4))
    person.fill(page.locator("input:visible").first, "a name")
    person.scroll(200)
    page.wait_for_timeout(1500)
    settled(browser)
    browser.close()


@pytest.fixture(scope="module")
def recorded(setting: Setting, driver: Playwright) -> Setting:
    work(setting, driver)
    return setting


def stolen(relay: Relay, folder: Path) -> Path:
    """Copy the relay's files as a thief of one moment has them, without the holders' keys."""
    shutil.copytree(relay.data, folder, ignore=shutil.ignore_patterns("keys"))
    return folder


def holders(relay: Relay) -> dict[str, OpeningKey]:
    """Return both reading keys; the tests alone have them in one place."""
    return {
        "research": load_keys(relay.keys / "research.key.json").opening("inner"),
        "representative": load_keys(relay.keys / "representative.key.json").opening("outer"),
    }


def test_both_together_open_everything(recorded: Setting, tmp_path: Path) -> None:
    """The control: the same thief with both keys reads every batch."""
    keys = list(holders(recorded.relay).values())
    plain = opened(stolen(recorded.relay, tmp_path / "files"), keys)
    assert len(plain) == len(recorded.relay.stored()) > 0
    assert recorded.read().open() != []


@pytest.mark.parametrize("holder", ["research", "representative", None])
def test_a_stolen_database_and_one_key_at_most_open_nothing(
    recorded: Setting, tmp_path: Path, holder: str | None
) -> None:
    keys = holders(recorded.relay)
    held = [keys[holder]] if holder else [OpeningKey.generate()]
    assert opened(stolen(recorded.relay, tmp_path / "files"), held) == []


def test_each_holders_own_commands_open_nothing_alone(recorded: Setting) -> None:
    reading = recorded.reading()
    reading.request()
    assert not reading.research_alone()
    reading.unlock()
    with pytest.raises(CandorFailedError) as refused:
        reading.open(key="representative", out=reading.folder / "alone.jsonl")
    assert "representative" in refused.value.said
    assert not (reading.folder / "alone.jsonl").exists()


def test_the_wire_carries_no_plaintext(recorded: Setting, tmp_path: Path) -> None:
    """Whoever looks into TLS sees ciphertext; even the smallest plaintexts are not in it."""
    keys = list(holders(recorded.relay).values())
    plain = opened(stolen(recorded.relay, tmp_path / "files"), keys)
    wire = b"".join(recording.bytes_of("up") for recording in recorded.proxy.recordings)
    assert len(wire) > sum(map(len, plain)) > 0
    assert [text for text in plain if text in wire] == []


def test_another_recipient_is_refused(recorded: Setting) -> None:
    """A device that names someone else's key gets nothing stored."""
    relay = recorded.relay

    async def seal_to_others() -> set[str]:
        async with RogueDevice(tls=tls_context(relay.authority.file)) as one:
            await one.enrol(relay.codes()[0])
            await one.grant({1: Signal.POINTER})
            one.claims(Signal.POINTER)
            one.seals_to(inner=OpeningKey.generate().public)
            one.seal_plaintext(1, 0, b"\x91\x01")
            await one.settled()
            return set(one.refused.values())

    assert aside(seal_to_others) == {"wrong_recipient"}


def test_an_enrolment_to_other_policy_keys_shows_nothing(recorded: Setting) -> None:
    """A relay that puts its own policy in the place of the one signed is not believed."""
    relay = recorded.relay
    _origin, fingerprint, code, signature = msgpack.unpackb(unpadded(relay.codes()[0]))
    string = msgpack.packb([relay.origin, bytes(reversed(fingerprint)), code, signature])

    async def enrol() -> None:
        async with Device(tls=tls_context(relay.authority.file)) as one:
            await one.enrol(f"candor1.{base64.urlsafe_b64encode(string).rstrip(b'=').decode()}")

    with pytest.raises(CandorError) as refused:
        aside(enrol)
    assert refused.value.code == "fingerprint_mismatch"


def unpadded(string: str) -> bytes:
    """Decode the part of an enrolment string after its prefix."""
    text = string.removeprefix("candor1.")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# ------------------------------------------------------------------------------------ sabotage


def test_sabotage_a_device_that_leaves_out_the_outer_layer_is_seen(
    make_setting: Callable[..., Setting], driver: Playwright, tmp_path: Path
) -> None:
    leaky = sabotaged_extension(
        tmp_path / "built",
        (
            "background/sealer.ts",
            'await seal(outer, info("outer", outerKey), sealedInner)',
            "sealedInner",
        ),
    )
    setting = make_setting(Programme(extension=leaky))
    work(setting, driver)
    files = stolen(setting.relay, tmp_path / "files")
    assert opened(files, [holders(setting.relay)["research"]]) != []
