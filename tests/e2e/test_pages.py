"""Candor's pages as a person meets them, on the real worker and the real relay."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import msgpack  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import Page, Playwright

from relay.consent.document import Policy
from relay.consent.policy import parse_policy
from relay.vault.words import key_words
from tests.e2e.page_checks import (
    faint_texts,
    shown_texts,
    walk_by_keyboard,
    widths_that_overflow,
)
from tests.support.apps import CRM, MAIL
from tests.support.browser import Browser, Look, build_extension
from tests.support.counter import PATH, click_some, counter_page
from tests.support.pages import agree_by_message, open_popup, settled
from tests.support.setting import Programme, Setting

pytestmark = pytest.mark.timeout(180)

SECRET = "Tr0ub4dor&3 Größe"
SIDE_BY_SIDE = 1200


@pytest.fixture(scope="module")
def setting(make_setting: Callable[..., Setting], extension: Path) -> Setting:
    return make_setting(Programme(extension=extension, pages=((PATH, counter_page),)))


@pytest.fixture(scope="module")
def reader(setting: Setting, driver: Playwright) -> Browser:
    """Return the browser of someone who reads everything and decides nothing."""
    return setting.browser(driver)


@pytest.fixture
def welcome(setting: Setting, reader: Browser) -> Iterator[Page]:
    """Return the first-run page with the notice open, in the browser of the reader."""
    page = _read_notice(reader, setting.relay.codes()[0])
    yield page
    page.close()


def _read_notice(browser: Browser, enrolment: str) -> Page:
    page = browser.extension_page("welcome.html")
    page.set_viewport_size({"width": SIDE_BY_SIDE, "height": 900})
    page.get_by_label("Enrolment string").fill(enrolment)
    page.get_by_role("button", name="Read the notice").click()
    page.locator("#yes").wait_for(timeout=20_000)
    return page


def _policy(setting: Setting) -> Policy:
    url = f"https://127.0.0.1:{setting.relay.port}/v1/policy"
    context = setting.authority.client_context()
    with urllib.request.urlopen(url, context=context, timeout=10) as answer:
        body, _, _ = msgpack.unpackb(answer.read())
    return parse_policy(body)


def _type(page: Page, text: str) -> None:
    for character in text:
        page.keyboard.insert_text(character) if ord(character) > 126 else page.keyboard.press(
            character, delay=15
        )
        page.wait_for_timeout(25)


# --------------------------------------------------------------------------------- before a yes


def test_empty_and_wrong_strings_are_answered_in_words(reader: Browser) -> None:
    page = reader.extension_page("welcome.html")
    page.get_by_role("button", name="Read the notice").click()
    assert "The field is empty" in page.get_by_role("status").inner_text()
    page.get_by_label("Enrolment string").fill("candor1.rubbish")
    page.get_by_role("button", name="Read the notice").click()
    said = page.get_by_role("status").filter(has_text=re.compile(r"\([a-z_]+\)$"))
    said.wait_for()
    assert page.get_by_label("Enrolment string").input_value() == "candor1.rubbish"
    page.close()


def test_string_in_the_address_is_filled_in_and_taken_out_of_it(
    setting: Setting, reader: Browser
) -> None:
    enrolment = setting.relay.codes()[0]
    page = reader.extension_page(f"welcome.html#{enrolment}")
    assert page.get_by_label("Enrolment string").input_value() == enrolment
    assert "#" not in page.evaluate("location.href")
    page.close()


def test_every_switch_is_off_and_both_answers_are_equal(welcome: Page) -> None:
    switches = welcome.get_by_role("switch").all()
    assert len(switches) == 16
    assert not any(switch.is_checked() for switch in switches)
    yes, no = welcome.locator("#yes"), welcome.locator("#no")
    look = """(e) => { const s = getComputedStyle(e); const b = e.getBoundingClientRect();
      return [Math.round(b.width), b.height, b.top, s.color, s.backgroundColor, s.borderColor,
        s.fontWeight, s.fontSize, e.disabled] }"""
    assert yes.evaluate(look) == no.evaluate(look)


def test_yes_to_nothing_says_so_and_enrols_nobody(setting: Setting, welcome: Page) -> None:
    before = setting.relay.streams()
    welcome.locator("#yes").click()
    welcome.get_by_text("Nothing is switched on, so there is nothing to say yes to").wait_for()
    assert setting.relay.streams() == before


def test_notice_says_who_what_how_long_and_shows_the_keys_words(
    setting: Setting, welcome: Page
) -> None:
    policy = _policy(setting)
    assert welcome.locator("#representative-words").inner_text().split() == key_words(
        policy.key("representative")
    )
    assert welcome.locator("#controller-words").inner_text().split() == key_words(
        policy.key("controller")
    )
    text = welcome.locator("main").inner_text()
    for contact in (
        policy.contacts.controller,
        policy.contacts.representative,
        policy.contacts.data_protection_officer,
    ):
        assert contact.name in text
        assert contact.email in text
    for app in policy.apps:
        assert app.name in text
        for path in app.excluded_paths:
            assert path in text
    for purpose in policy.purposes:
        assert purpose in text
    assert f"{policy.retention_days} days" in text
    assert "one machine holds all keys" in text
    assert welcome.locator(".keys svg").count() == 2


def test_secret_typed_into_the_box_is_not_found(welcome: Page) -> None:
    for field in ("#try-secret", "#try-password", "#try-notes"):
        welcome.locator(field).click()
        _type(welcome, SECRET)
    welcome.locator("#try").get_by_role("button").click()
    welcome.locator("#try").get_by_role("link").hover()
    welcome.wait_for_timeout(2_500)
    assert welcome.locator("[data-found]").get_attribute("data-found") == "0"
    assert "0 found" in welcome.locator(".found").inner_text()
    cells = welcome.locator("#try td").all_inner_texts()
    assert len(cells) > 20
    assert all(re.fullmatch(r"-?\d+", cell) for cell in cells)
    searched = welcome.locator("#try").get_by_text("bytes searched").inner_text()
    assert int(re.findall(r"([\d,]+) bytes searched", searched)[0].replace(",", "")) > 100
    words = welcome.locator("#try .rows").inner_text()
    assert "keys within" in words


def test_box_shows_nothing_of_a_password_not_even_a_count(welcome: Page) -> None:
    welcome.wait_for_timeout(1_200)
    welcome.locator("#try-password").focus()
    before = welcome.locator("#try .rows").inner_text()
    _type(welcome, "correct horse battery")
    welcome.wait_for_timeout(2_500)
    assert welcome.locator("#try .rows").inner_text() == before


def test_box_catches_an_extension_that_leaks(
    setting: Setting, driver: Playwright, tmp_path: Path
) -> None:
    leaky = Path(__file__).parent / "leaky_pointer.ts"
    extension = build_extension(tmp_path / "leaky", swaps={"content/capture/pointer.ts": leaky})
    browser = Browser(
        driver,
        tmp_path / "browser",
        setting.authority,
        hosts=setting.apps.hosts,
        granted=[],
        extension=extension,
    ).start()
    try:
        page = _read_notice(browser, setting.relay.codes()[0])
        page.locator("#try-secret").click()
        page.keyboard.type("hunter2hunter2", delay=5)
        page.wait_for_timeout(1_500)
        found = page.locator("[data-found]").get_attribute("data-found")
        assert found is not None
        assert int(found) > 0
        assert "must not happen" in page.locator(".found").inner_text()
    finally:
        browser.close()


def test_sample_shows_ones_own_hand_in_words(welcome: Page) -> None:
    card = welcome.get_by_role("article", name="Pointer")
    card.get_by_role("button", name="Try it").click()
    box = card.locator(".ground").bounding_box()
    assert box is not None
    for step in range(30):
        welcome.mouse.move(box["x"] + 10 + 3 * step, box["y"] + 10 + step)
        welcome.wait_for_timeout(15)
    card.get_by_text("the pointer went").first.wait_for(timeout=3_000)
    assert "s left" in card.locator(".said").inner_text()


def test_pages_load_nothing_from_elsewhere(setting: Setting, reader: Browser) -> None:
    asked: list[str] = []
    reader.context.on("request", lambda request: asked.append(request.url))
    page = _read_notice(reader, setting.relay.codes()[0])
    page.close()
    allowed = ("chrome-extension://", setting.relay.origin)
    assert asked
    assert [url for url in asked if not url.startswith(allowed)] == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everything_is_readable_reachable_and_fits(
    setting: Setting, driver: Playwright, *, dark: bool
) -> None:
    browser = setting.browser(driver, Look(dark=dark))
    enrolment = setting.relay.codes()[0]
    page = _read_notice(browser, enrolment)
    agree_by_message(browser, enrolment, ("click",))
    pages = [page, browser.extension_page("leave.html"), open_popup(browser)]
    for one in pages:
        one.bring_to_front()
        one.wait_for_timeout(300)
        assert shown_texts(one) > 3
        assert faint_texts(one) == []
        stops = walk_by_keyboard(one)
        assert stops, "something can be reached by keyboard"
        assert [stop["name"] for stop in stops if not stop["ring"]] == []
        low = [stop["name"] for stop in stops if not stop["inline"] and stop["height"] < 43.5]
        assert low == []
        assert widths_that_overflow(one) == []
    for one in pages:
        one.close()


# ----------------------------------------------------------------------------------- the answers


def test_no_thanks_ends_it_for_ninety_days(setting: Setting, driver: Playwright) -> None:
    browser = setting.browser(driver)
    page = _read_notice(browser, setting.relay.codes()[0])
    page.locator("#switch-click-1").check(force=True)
    page.get_by_role("button", name="No thanks").click()
    page.locator("#decide .message.done").wait_for(timeout=30_000)
    assert "not be asked again before" in page.locator("#decide .message").inner_text()
    app = browser.context.new_page()
    app.goto(CRM + PATH)
    assert click_some(app, 5) == 5
    popup = open_popup(browser)
    popup.get_by_role("heading", name="Off").wait_for()
    assert "You said no" in popup.locator("#said").inner_text()
    assert popup.get_by_role("link", name="Withdraw").count() == 0
    browser.close()


@pytest.fixture(scope="module")
def member(setting: Setting, driver: Playwright) -> Browser:
    """Return the browser of someone who agreed to clicks and the pointer."""
    browser = setting.browser(driver)
    agree_by_message(browser, setting.relay.codes()[0], ("click", "pointer"))
    return browser


@pytest.fixture
def app(member: Browser) -> Iterator[Page]:
    page = member.context.new_page()
    page.goto(CRM + PATH)
    page.bring_to_front()
    yield page
    page.close()


def test_popup_tells_what_is_recorded_sent_and_what_it_costs(member: Browser, app: Page) -> None:
    click_some(app, 12)
    app.wait_for_timeout(1_500)
    settled(member)
    app.bring_to_front()
    click_some(app, 3)
    popup = open_popup(member)
    popup.get_by_role("heading", name="Recording").wait_for()
    popup.wait_for_timeout(2_500)
    said = popup.locator("#said").inner_text()
    assert re.fullmatch(
        r"Recording in CRM: pointer and clicks\. \d+ events? sent in the last minute\.", said
    )
    assert re.match(r"\d+ events in \d+ sealed batch", popup.locator("#sent").inner_text())
    assert popup.locator(".dots circle").count() == 40
    assert popup.locator(".dots circle.some").count() > 0
    assert re.search(r"Candor used [\d.]+ ms in this tab", popup.locator("#cost").inner_text())
    assert popup.locator("#representative").get_attribute("href") == (
        "mailto:representative@corp.example"
    )
    assert faint_texts(popup) == []
    assert widths_that_overflow(popup) == []
    popup.close()


@pytest.mark.parametrize(
    ("button", "said"),
    [
        ("On this site", "You paused Candor on this site"),
        ("For an hour", "Paused until"),
        ("Until I resume", "You paused Candor. Nothing is recorded."),
    ],
)
def test_pause_is_one_click_and_keeps_the_focus(
    member: Browser, app: Page, button: str, said: str
) -> None:
    app.wait_for_timeout(200)
    popup = open_popup(member)
    popup.get_by_role("heading", name="Recording").wait_for()
    popup.get_by_role("button", name=button).focus()
    popup.keyboard.press("Enter")
    popup.get_by_role("heading", name="Paused").wait_for()
    assert said in popup.locator("#said").inner_text()
    assert popup.evaluate("document.activeElement.id") == "resume"
    popup.keyboard.press("Enter")
    popup.get_by_role("heading", name="Recording").wait_for()
    popup.close()


def test_popup_on_a_page_that_is_no_approved_app(member: Browser) -> None:
    mail = member.context.new_page()
    mail.goto(MAIL)
    mail.bring_to_front()
    popup = open_popup(member)
    popup.get_by_role("heading", name="Not here").wait_for()
    assert "not an approved app" in popup.locator("#said").inner_text()
    assert not popup.get_by_role("button", name="On this site").is_visible()
    popup.close()
    mail.close()


def test_diagnostics_are_shown_and_hold_no_address_and_no_id(member: Browser, app: Page) -> None:
    app.wait_for_timeout(100)
    popup = open_popup(member)
    popup.get_by_text("Diagnostics", exact=True).click()
    popup.get_by_role("button", name="Copy diagnostics").click()
    shown = popup.locator("#diagnostics")
    shown.wait_for()
    text = shown.inner_text()
    assert "batches made" in text
    for never in ("http", "corp.example", "127.0.0.1", "representative"):
        assert never not in text
    assert re.search(r"[0-9a-f]{16}", text) is None
    popup.close()


def test_agreement_can_be_read_again_with_its_switches(member: Browser) -> None:
    page = member.extension_page("welcome.html")
    page.get_by_text("You agreed to this").wait_for()
    on = [
        switch.get_attribute("id")
        for switch in page.get_by_role("switch").all()
        if switch.is_checked()
    ]
    assert on == ["switch-pointer-1", "switch-pointer-2", "switch-click-1", "switch-click-2"]
    page.close()


def test_agreement_can_be_changed_by_a_new_yes(member: Browser, app: Page) -> None:
    page = member.extension_page("welcome.html")
    page.get_by_text("You agreed to this").wait_for()
    page.locator("#switch-pointer-1").uncheck(force=True)
    page.locator("#yes").click()
    page.get_by_text("You agreed, and recording is on in CRM: clicks; Wiki").wait_for(
        timeout=30_000
    )
    page.close()
    app.bring_to_front()
    popup = open_popup(member)
    popup.locator("#said").get_by_text("Recording in CRM: clicks.").wait_for()
    popup.close()


def test_leaving_says_its_consequences_and_what_is_not_confirmed_yet(
    setting: Setting, member: Browser
) -> None:
    page = member.extension_page("leave.html")
    text = page.locator("main").inner_text()
    assert text.index("Recording stops") < text.index("Withdraw now")
    page.get_by_role("button", name="Keep taking part").click()
    assert "Nothing changed" in page.locator("#stopped").inner_text()
    setting.proxy.cut()
    page.get_by_role("button", name="Withdraw now").click()
    page.get_by_text("Stopped on this computer").wait_for(timeout=30_000)
    page.get_by_text("Not yet confirmed").wait_for(timeout=30_000)
    app = member.context.new_page()
    app.goto(CRM + PATH)
    click_some(app, 5)
    app.wait_for_timeout(1_500)
    assert member.outbox_size() == 0
    setting.proxy.mend()
    page.get_by_text("Confirmed at").wait_for(timeout=60_000)
    popup = open_popup(member)
    popup.get_by_role("heading", name="Off").wait_for()
    assert "You withdrew" in popup.locator("#said").inner_text()
