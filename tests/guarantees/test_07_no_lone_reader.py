"""Promise 7: no lone reader.

The device seals before it sends, to keys of the policy it verified itself. Researcher,
representative, operator, whoever stole the database, and whoever looks into TLS open nothing alone.

Limit: one's own copy opens on one's own device; both key holders together can read, which is the
purpose; nothing proves yet what the representative was shown before unlocking.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgpack  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import Playwright

from relay.client import Device, tls_context
from relay.errors import CandorError
from relay.model import Signal
from relay.vault.keys import load_keys, load_public, new_keys
from relay.vault.seal import OpeningKey
from tests.support.apps import CRM
from tests.support.aside import aside
from tests.support.human import Hand
from tests.support.pages import agree_by_message, settled
from tests.support.person import Person
from tests.support.relay import ROOT, CandorFailedError, Relay, environment
from tests.support.rogue import RogueDevice
from tests.support.sabotage import sabotaged_extension, sabotaged_relay
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


def test_the_representative_does_not_sign_away_their_reading_key(
    recorded: Setting, tmp_path: Path
) -> None:
    """The right signing key beside another outer key would let the researchers read alone."""
    assert "keys.outer: the policy names another key" in signing_another_outer_key(
        recorded.relay, tmp_path, command=("-m", "relay")
    )


def signing_another_outer_key(relay: Relay, folder: Path, command: Sequence[str]) -> str:
    """Have the representative sign a policy with somebody else's outer key; return what it said."""
    own = load_public(relay.keys / "representative.pub.json").keys["outer"]
    other = new_keys("representative").public().keys["outer"]
    draft = folder / "policy.toml"
    text = relay.policy.read_text("utf-8")
    assert own in text
    draft.write_text(text.replace(own, other), "utf-8")
    key = relay.keys / "representative.key.json"
    done = subprocess.run(
        [sys.executable, *command, "policy", "sign", str(draft), "--key", str(key), "--yes"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stderr if done.returncode else "signed"


@pytest.mark.parametrize("pins", ["fingerprint", "relay"])
def test_the_extension_believes_no_policy_but_the_pinned_one(
    recorded: Setting, driver: Playwright, pins: str
) -> None:
    with pytest.raises(LookupError, match=f"wrong_{pins}"):
        offer(recorded, driver, pins)


def offer(setting: Setting, driver: Playwright, pins: str) -> None:
    """Enrol a browser with a string that pins something else.

    Raises:
        LookupError: The extension refused; the message names its reason.
    """
    relay = setting.relay
    origin, fingerprint, *rest = msgpack.unpackb(unpadded(relay.codes()[0]))
    if pins == "fingerprint":
        fingerprint = bytes(reversed(fingerprint))
    else:
        origin = origin.replace("127.0.0.1", "localhost")
    packed = base64.urlsafe_b64encode(msgpack.packb([origin, fingerprint, *rest]))
    browser = setting.browser(driver)
    try:
        enrolment = f"candor1.{packed.rstrip(b'=').decode()}"
        browser.ask({"kind": "offer", "enrolment": enrolment})
    finally:
        browser.close()


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


def test_sabotage_an_extension_that_checks_no_fingerprint_is_seen(
    make_setting: Callable[..., Setting], driver: Playwright, tmp_path: Path
) -> None:
    unchecked = ("background/policies.ts", "!equal(pinned, enrolment.fingerprint)", "false")
    trusting = sabotaged_extension(tmp_path / "built", unchecked)
    offer(make_setting(Programme(extension=trusting)), driver, "fingerprint")


def test_sabotage_a_tool_that_checks_no_own_key_is_seen(recorded: Setting, tmp_path: Path) -> None:
    careless = sabotaged_relay(
        "import relay.vault.signatures as signatures",
        "signatures.check_own_keys = lambda *_: None",
    )
    assert signing_another_outer_key(recorded.relay, tmp_path, careless) == "signed"
