"""Promise 3: no grant, no data; fail closed.

Every batch is bound to a receipt that the participant's device signed. Here devices lie, forget and
forge, and the relay is asked what it stored.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from relay.client import Device, tls_context
from relay.errors import CandorError
from relay.model import Signal
from tests.support.apps import CRM
from tests.support.aside import aside
from tests.support.browser import ROOT, Browser
from tests.support.events import by_signal
from tests.support.human import Hand
from tests.support.pages import agree_by_message, settled
from tests.support.person import Person
from tests.support.rogue import RogueDevice
from tests.support.sabotage import sabotaged_extension
from tests.support.setting import Programme, Setting

GRANTED = ("click", "scroll")
OTHERS = {"pointer", "hover", "typing", "key_timing", "attention", "navigation"}


@pytest.fixture(scope="module")
def setting(make_setting: Callable[..., Setting]) -> Setting:
    return make_setting()


def _work(browser: Browser) -> None:
    page = browser.context.new_page()
    page.goto(f"{CRM}/")
    person = Person(page, Hand(2, pace=4))
    person.click(page.get_by_role("button", name="Actions"))
    person.fill(page.locator(".find input"), "timber")
    person.scroll(200)
    page.wait_for_timeout(1500)
    page.goto("about:blank")
    settled(browser)


def _recorded(setting: Setting, browser: Browser) -> set[str]:
    """Work in the CRM and return the signals of everything opened."""
    _work(browser)
    return set(by_signal(setting.read().open()))


def test_before_any_answer_nothing_is_stored(setting: Setting, driver: Playwright) -> None:
    browser = setting.browser(driver)
    _work(browser)
    browser.ask({"kind": "offer", "enrolment": setting.relay.codes()[0]})
    _work(browser)
    assert setting.relay.stored() == []
    assert setting.relay.streams() == 0


def test_after_a_no_nothing_is_stored(setting: Setting, driver: Playwright) -> None:
    browser = setting.browser(driver)
    browser.ask({"kind": "offer", "enrolment": setting.relay.codes()[0]})
    browser.ask({"kind": "decline"})
    _work(browser)
    assert setting.relay.stored() == []


def test_only_what_was_granted_is_recorded(setting: Setting, driver: Playwright) -> None:
    browser = setting.browser(driver)
    agree_by_message(browser, setting.relay.codes()[0], GRANTED)
    assert _recorded(setting, browser) == set(GRANTED)


def _refusals(setting: Setting, act: Callable[[RogueDevice], object]) -> set[str]:
    """Let a device without a conscience grant only clicks in the CRM and then act; see refusals."""

    async def run() -> set[str]:
        async with RogueDevice(tls=tls_context(setting.authority.file)) as device:
            await device.enrol(setting.relay.codes()[0])
            await device.grant({1: Signal.CLICK})
            act(device)
            await device.settled()
            return set(device.refused.values())

    return aside(run)


def test_the_relay_refuses_signals_that_were_not_granted(setting: Setting) -> None:
    stored = len(setting.relay.stored())
    refusals = _refusals(setting, lambda device: device.seal_plaintext(1, 0, b"\x91\x01"))
    assert refusals == {"signal_not_granted"}
    refusals = _refusals(setting, lambda device: device.seal_plaintext(1, 1, b"\x91\x01"))
    assert refusals == {"signal_not_granted"}
    assert len(setting.relay.stored()) == stored


def test_the_relay_refuses_an_app_that_was_not_granted(setting: Setting) -> None:
    refusals = _refusals(setting, lambda device: device.seal_plaintext(2, 0, b"\x91\x01"))
    assert refusals == {"app_not_allowed"}


def test_the_honest_device_refuses_before_the_relay_has_to(setting: Setting) -> None:
    async def run() -> None:
        async with Device(None, tls=tls_context(setting.authority.file)) as device:
            await device.enrol(setting.relay.codes()[0])
            await device.grant({1: Signal.CLICK})
            device.seal_plaintext(1, 1, b"\x91\x01")

    with pytest.raises(CandorError, match="granted"):
        aside(run)


def test_after_withdrawing_the_relay_refuses(setting: Setting) -> None:
    stored = len(setting.relay.stored())

    async def run() -> set[str]:
        async with RogueDevice(tls=tls_context(setting.authority.file)) as device:
            await device.enrol(setting.relay.codes()[0])
            receipt = await device.grant({1: Signal.CLICK})
            device.claims(Signal.CLICK)
            await device.withdraw()
            device.claim_receipt(receipt)
            device.seal_plaintext(1, 0, b"\x91\x01")
            await device.settled()
            return set(device.refused.values())

    assert aside(run) == {"withdrawn"}
    assert len(setting.relay.stored()) == stored


def test_another_devices_receipt_is_refused(setting: Setting) -> None:
    stored = len(setting.relay.stored())

    async def run() -> set[str]:
        tls = tls_context(setting.authority.file)
        first, second = setting.relay.codes(2)
        async with Device(None, tls=tls) as generous, RogueDevice(tls=tls) as thief:
            await generous.enrol(first)
            receipt = await generous.grant({1: Signal.CLICK})
            await thief.enrol(second)
            await thief.decline()
            thief.claims(Signal.CLICK)
            thief.claim_receipt(receipt)
            thief.seal_plaintext(1, 0, b"\x91\x01")
            await thief.settled()
            return set(thief.refused.values())

    assert aside(run) <= {"receipt_unknown", "withdrawn"}
    assert len(setting.relay.stored()) == stored


# ------------------------------------------------------------------------------------ sabotage


def _generous_extension(folder: Path) -> Path:
    """An extension whose worker hands every signal of the policy to content scripts."""
    return sabotaged_extension(
        folder,
        ("shared/scope.ts", SCOPE_CHECK, SCOPE_ALWAYS),
    )


SCOPE_CHECK = "TO BE FILLED"
SCOPE_ALWAYS = ""


def test_sabotage_an_extension_that_ignores_the_grant_is_stopped_by_the_relay(
    make_setting: Callable[..., Setting], driver: Playwright, tmp_path: Path
) -> None:
    setting = make_setting(Programme(extension=_generous_extension(tmp_path)))
    browser = setting.browser(driver)
    agree_by_message(browser, setting.relay.codes()[0], GRANTED)
    assert _recorded(setting, browser) == set()
    assert "signal_not_granted" in setting.relay.refused()


def test_sabotage_both_broken_is_seen(
    make_setting: Callable[..., Setting], driver: Playwright, tmp_path: Path
) -> None:
    """Where neither extension nor gate asks, the test above would find what nobody granted."""
    gateless = ROOT / "tests" / "support" / "gateless.py"
    setting = make_setting(
        Programme(extension=_generous_extension(tmp_path), serve=(str(gateless),))
    )
    browser = setting.browser(driver)
    agree_by_message(browser, setting.relay.codes()[0], GRANTED)
    _work(browser)
    assert setting.relay.refused() == {}
    assert len(setting.relay.stored()) > 0
