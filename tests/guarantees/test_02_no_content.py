"""Promise 2: no content.

Same events, timing and layout with different content give identical columns; nothing, not even
counts, from sensitive fields; no canary anywhere. Limit: positions, counts and timing can hint.
Wheel scrolling is not among the paired movements, since when a browser scrolls is its own choice.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import Playwright

from tests.demo import acts, search
from tests.support import pairs
from tests.support.apps import CRM
from tests.support.browser import Browser
from tests.support.canary import Hit
from tests.support.events import Event, between
from tests.support.human import Hand
from tests.support.pages import agree_by_message, settled
from tests.support.person import Person
from tests.support.sabotage import sabotaged_extension
from tests.support.setting import SIGNALS, Programme, Setting

pytestmark = pytest.mark.timeout(1200)  # real browsers on a busy machine

PAIRS = 200
FULL_PAIRS = 600
ROUNDS = 4
SENSITIVE = "/sensitive"
T0, DOCUMENT, FIRST_SIGNAL = 4, 5, 7
POINTER = 0
LOADING = {6, 7}
"""Attention and navigation: their events come from loading, whose timing is not the plan's."""
TICKS_PER_S = 100
TYPED_ONLY = {"typing", "key_timing"}
ANY_INPUT = {"pointer", "click", "hover", "typing", "key_timing", "scroll"}

_SENSITIVE_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Secrets</title>
<style>input{display:block;width:300px;height:40px}</style><main>
<input type="password"><input autocomplete="one-time-code"><input autocomplete="cc-number">
<input autocomplete="section-a cc-csc"><input autocomplete="new-password">
<div data-candor-ignore><input><button>Marked</button><p contenteditable>Marked too</p></div>
<input class="turns" type="password"><input class="unseen" style="opacity:0">
</main><script>
const turns = document.querySelector(".turns");
turns.addEventListener("focus", () => { turns.type = "text"; });
</script></html>"""
_PAGES = ((pairs.PATH, pairs.pairs_page), (SENSITIVE, lambda _request: _SENSITIVE_PAGE))

Batches = list[list[Any]]


@dataclass(frozen=True)
class Done:
    """One variant of one page, acted out: its columns without stream, seq, t0 and document."""

    rows: dict[int, list[tuple[int, ...]]]
    batches: Batches
    sizes: list[int]


def _setting(make_setting: Callable[..., Setting], extension: Path) -> Setting:
    return make_setting(Programme(extension=extension, pages=_PAGES))


def _agreed(setting: Setting, driver: Playwright) -> Browser:
    browser = setting.browser(driver)
    agree_by_message(browser, setting.relay.codes()[0], SIGNALS)
    return browser


@pytest.fixture(scope="module")
def setting(make_setting: Callable[..., Setting], extension: Path) -> Setting:
    return _setting(make_setting, extension)


@pytest.fixture(scope="module")
def browser(setting: Setting, driver: Playwright) -> Browser:
    return _agreed(setting, driver)


# --------------------------------------------------------------------------------------- pairs


def act_out(
    setting: Setting, browser: Browser, plans: list[pairs.Plan]
) -> dict[tuple[int, pairs.Variant], Done]:
    """Act out both variants of each plan in the CRM and open what was recorded."""
    spans: list[tuple[int, pairs.Variant, float, float]] = []
    page = browser.context.new_page()
    variants: tuple[pairs.Variant, pairs.Variant] = ("a", "b")
    for plan in plans:
        for variant in variants:
            page.goto(f"{CRM}{pairs.PATH}?plan={plan.seed}&v={variant}")
            page.wait_for_timeout(1300)
            start, end = plan.act(browser.context, page, variant)
            spans.append((plan.seed, variant, start, end))
            page.wait_for_timeout(1300)
    page.goto("about:blank")
    settled(browser)
    sizes = {(row.stream, row.seq): len(row.ciphertext) for row in setting.relay.stored()}
    opened = [
        (msgpack.unpackb(one.plaintext), sizes[one.stream, one.seq])
        for one in setting.read(("crm",)).decrypted()
    ]
    return {(seed, variant): _within(opened, start, end) for seed, variant, start, end in spans}


def _within(opened: list[tuple[list[Any], int]], start: float, end: float) -> Done:
    """Take the batches that begin in this span.

    The last movement is left out: how long the hand rests there is for the clock on the wall.
    """
    first, last = int(start * TICKS_PER_S), int(end * TICKS_PER_S)
    mine = sorted(
        (one for one in opened if first <= one[0][T0] < last),
        key=lambda one: (one[0][T0], one[0][2]),
    )
    rows: dict[int, list[tuple[int, ...]]] = {}
    batches: Batches = []
    for batch, _ in mine:
        for signal, columns in enumerate(batch[FIRST_SIGNAL:]):
            if columns is not None and signal not in LOADING:
                timed = _absolute(signal, columns, batch[T0] - first)
                rows.setdefault(signal, []).extend(row for row in timed if row[0] < last - first)
        batches.append([*batch[:T0], *batch[DOCUMENT + 1 :]])
    return Done(rows, batches, [size for _, size in mine])


def _absolute(signal: int, columns: list[list[int]], offset: int) -> list[tuple[int, ...]]:
    """Turn columns into rows with times since the beginning, pointer rows with places."""
    rows = []
    tick, x, y = offset, 0, 0
    for dt, *values in zip(*columns, strict=True):
        tick += dt
        if signal == POINTER:
            x, y = x + values[0], y + values[1]
            rows.append((tick, x, y))
        else:
            rows.append((tick, *values))
    return rows


def differing(done: dict[tuple[int, pairs.Variant], Done], plans: list[pairs.Plan]) -> list[str]:
    """Return what differs between the variants of each plan."""
    found = []
    for plan in plans:
        one, other = done[plan.seed, "a"], done[plan.seed, "b"]
        signals = one.rows.keys() | other.rows.keys()
        found += [
            f"plan {plan.seed}, signal {signal}: {set(ours) ^ set(theirs)}"
            for signal in sorted(signals)
            if (ours := one.rows.get(signal, [])) != (theirs := other.rows.get(signal, []))
        ]
        if one.batches == other.batches and one.sizes != other.sizes:
            found.append(f"plan {plan.seed}: sizes {one.sizes} and {other.sizes}")
    return found


def test_other_content_gives_the_same_columns(
    setting: Setting, browser: Browser, *, full_effort: bool
) -> None:
    count = (FULL_PAIRS if full_effort else PAIRS) // pairs.BOXES
    plans = [pairs.Plan(seed) for seed in range(count)]
    kinds = Counter(kind for plan in plans for kind in plan.kinds)
    assert kinds.total() >= PAIRS
    assert set(kinds) == set(pairs.KINDS)
    left = plans
    for _ in range(ROUNDS):
        done = act_out(setting, browser, left)
        assert differing(done, left) == []
        for plan in left:
            _check_complete(plan, done[plan.seed, "a"])
        left = [plan for plan in left if not _cut_alike(done, plan)]
        if len(left) <= count / 2:
            return
    pytest.fail("most pages must be cut into the same batches, byte for byte; is the machine busy?")


def _check_complete(plan: pairs.Plan, done: Done) -> None:
    """Check that all of the plan's clicks and keys were recorded."""
    # A click on a label clicks its field as well, by the browser's own doing.
    clicked = sum(kind != "choice" for kind in plan.kinds) + plan.kinds.count("check")
    typed = sum(kind in pairs.TYPED for kind in plan.kinds)
    assert len(done.rows[1]) == clicked
    assert len(done.rows.get(4, [])) == pairs.KEYS * typed


def _cut_alike(done: dict[tuple[int, pairs.Variant], Done], plan: pairs.Plan) -> bool:
    """Tell whether both variants' batches are the same as wholes, padded sizes included.

    When a flush falls is for the clock on the wall, so a busy machine cuts the same rows elsewhere.
    """
    one, other = done[plan.seed, "a"], done[plan.seed, "b"]
    return one.batches == other.batches and one.sizes == other.sizes


# --------------------------------------------------------------------------- sensitive fields


def from_sensitive_fields(setting: Setting, browser: Browser) -> list[Event]:
    """Move over, click and type into every sensitive field; return what was recorded of it."""
    page = browser.context.new_page()
    page.goto(f"{CRM}{SENSITIVE}")
    person = Person(page, Hand(8, pace=4))
    person.move_to(900, 30)
    page.wait_for_timeout(1300)
    spans = []
    for target in page.locator("input, button, p").all():
        person.hover(target)
        start = time.time()
        person.click(target)
        person.type("hunter2")
        # A click on a field that nobody sees is a click on nothing; what is typed there is not.
        unseen = "unseen" in (target.get_attribute("class") or "")
        spans.append((start, time.time(), TYPED_ONLY if unseen else ANY_INPUT))
        page.wait_for_timeout(150)
    page.goto("about:blank")
    settled(browser)
    events = setting.read(("crm",)).open()
    return [
        event
        for start, end, signals in spans
        for event in between(events, start, end)
        if event["signal"] in signals
    ]


def test_sensitive_fields_give_nothing_not_even_counts(setting: Setting, browser: Browser) -> None:
    assert from_sensitive_fields(setting, browser) == []


# ------------------------------------------------------------------------------------ canaries


def canary_hits(setting: Setting, browser: Browser) -> list[Hit]:
    """Fill in the CRM's forms with canaries and search everything that left the page."""
    page = browser.context.new_page()
    person = Person(page, Hand(9, pace=4))
    acts.browse_customers(person, setting.canaries)
    acts.edit_customer(person, setting.canaries, 0)
    page.wait_for_timeout(1300)
    page.goto("about:blank")
    settled(browser)
    reading = setting.read()
    hits, sizes = search.everywhere(
        setting.canaries, browser, setting.proxy, setting.relay, reading
    )
    assert all(size > 0 for size in sizes.values())
    assert len(sizes) == 4
    return hits


def test_no_canary_leaves_the_page(setting: Setting, browser: Browser) -> None:
    assert canary_hits(setting, browser) == []


# ------------------------------------------------------------------------------------ sabotage


@pytest.fixture(scope="module")
def leaky(
    make_setting: Callable[..., Setting],
    driver: Playwright,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Setting, Browser]:
    """Start a browser whose build hides each key in how long it was held."""
    folder = sabotaged_extension(
        tmp_path_factory.mktemp("leaky"),
        (
            "content/capture/key_timing.ts",
            "row[1] = clamp(tick - row[0], 0, MAX_TICKS);",
            "row[1] = event.key.charCodeAt(0);",
        ),
        (
            "content/privacy.ts",
            "const found =\n    sensitive.has(field) ||",
            "const found = false &&",
        ),
    )
    setting = _setting(make_setting, folder)
    return setting, _agreed(setting, driver)


def test_sabotage_hiding_keys_in_columns_makes_pairs_differ(leaky: tuple[Setting, Browser]) -> None:
    plans = [pairs.Plan(seed) for seed in range(2)]
    assert differing(act_out(*leaky, plans), plans) != []


def test_sabotage_hiding_keys_in_columns_is_found_as_canaries(
    leaky: tuple[Setting, Browser],
) -> None:
    hits = canary_hits(*leaky)
    assert {hit.place.partition(":")[0] for hit in hits} == {"decrypted"}


def test_sabotage_forgetting_what_is_sensitive_is_seen(leaky: tuple[Setting, Browser]) -> None:
    assert from_sensitive_fields(*leaky) != []
