"""What the content script takes from real pages in real Chromium, and what it leaves alone.

The content script is the shipped one; its worker only collects, so each claim is about capture
alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from relay.protocol.vocabulary import describe_target
from tests.e2e.capture_bench import CENTRES, Bench, bench_browser, total
from tests.support.apps import CRM
from tests.support.browser import Browser, wait_until

pytestmark = pytest.mark.timeout(180)

SENSITIVE = [
    *("password", "otp", "card", "masked", "chat"),
    *("open password", "closed password", "label"),
]
SENSITIVE_FRAMES = ["hidden frame field", "foreign frame field"]
TICKS_BETWEEN_KEYS = 12
TICKS_HELD = 6


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with bench_browser(tmp_path_factory.mktemp("capture")) as running:
        yield running


@pytest.fixture
def bench(browser: Browser) -> Iterator[Bench]:
    bench = Bench(browser)
    yield bench
    bench.page.close()


# ------------------------------------------------------------------------------ what is recorded


def test_pointer_path_comes_in_order_at_most_once_a_tick(bench: Bench) -> None:
    for step in range(20):
        bench.input.move(300 + 5 * step, 620 + 2 * step, 3)
    for step in range(3):
        bench.input.move(500 + step, 700, 0)
    points = bench.take()["pointer"]
    expected = [(300 + 5 * step, 620 + 2 * step) for step in range(19)]
    # Of several points in one tick the last one counts.
    assert [(point["x"], point["y"]) for point in points] == [*expected, (502, 700)]
    ticks = [point["at"] for point in points]
    assert [later - sooner for sooner, later in itertools.pairwise(ticks)] == [3] * 19


def test_click_names_the_control_and_its_cell_only_on_buttons_and_links(bench: Bench) -> None:
    for name in ("plain", "link", "box", "fake"):
        bench.click(name)
    clicks = bench.take()["click"]
    assert [describe_target(click["target"]) for click in clicks] == [
        "button in main",
        "a in main",
        "div in main",
        "div role=menuitem in main",
    ]
    middle = 4 * 8 + 4 + 1
    assert [click["cell"] for click in clicks] == [middle, middle, 0, 0]


def test_button_pressed_by_keyboard_has_no_cell(bench: Bench) -> None:
    bench.page.focus("#plain")
    bench.page.keyboard.press("Enter")
    [click] = bench.take()["click"]
    assert click["cell"] == 0


def test_hover_tells_target_and_dwell_but_not_passing_over(bench: Bench) -> None:
    bench.at("box")
    bench.at("plain", 50)
    bench.at("link", 4)
    bench.at("nowhere", 30)
    hovers = bench.take()["hover"]
    assert [(describe_target(one["target"]), one["dwell"]) for one in hovers] == [
        ("div in main", 50),
        ("a in main", 30),
    ]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("text", 1),
        ("long", 2),
        ("rich", 3),
        ("find", 4),
        ("mail", 5),
        ("number", 6),
        ("open text", 1),
        ("frame field", 1),
        ("inline frame field", 1),
    ],
)
def test_typing_and_key_timing_in_each_kind_of_field(bench: Bench, name: str, field: int) -> None:
    bench.click(name)
    bench.write("ab1")
    bench.input.key("Backspace", TICKS_BETWEEN_KEYS)
    events = bench.take()
    [burst] = events["typing"]
    assert (burst["count"], burst["field"]) == (4, field)
    assert burst["duration"] == 3 * (TICKS_BETWEEN_KEYS + TICKS_HELD)
    keys = events["key_timing"]
    assert [key["class"] for key in keys] == [1, 1, 1, 2]
    assert [key["dwell"] for key in keys] == [TICKS_HELD] * 4


def test_burst_ends_after_a_second_and_with_its_field(bench: Bench) -> None:
    bench.click("text")
    bench.write("abc")
    bench.input.key("d", 150)
    bench.click("long")
    bench.write("ef")
    bench.page.wait_for_timeout(2_000)
    bursts = bench.take()["typing"]
    assert [(burst["count"], burst["field"]) for burst in bursts] == [(3, 1), (1, 1), (2, 2)]


def test_held_key_is_one_press_and_waits_for_its_release(bench: Bench) -> None:
    bench.click("text")
    bench.page.keyboard.down("a")
    for _ in range(5):
        bench.page.keyboard.down("a")
    held = bench.take()
    assert held["key_timing"] == []
    bench.page.keyboard.up("a")
    released = bench.take()
    [key] = released["key_timing"]
    assert 100 < key["dwell"] < 1500
    assert [burst["count"] for burst in held["typing"] + released["typing"]] == [1]


def test_a_key_that_moves_the_focus_is_kept(bench: Bench) -> None:
    bench.click("text")
    bench.input.key("Tab", TICKS_BETWEEN_KEYS)
    [key] = bench.take()["key_timing"]
    assert (key["class"], key["dwell"]) == (4, TICKS_HELD)


def test_shortcuts_count_outside_of_fields_letters_do_not(bench: Bench) -> None:
    bench.click("nowhere")
    bench.page.keyboard.press("x")
    bench.page.keyboard.press("Control+k")
    bench.page.keyboard.press("ArrowDown")
    assert [key["class"] for key in bench.take()["key_timing"]] == [5, 4]


def test_input_method_counts_without_keys(bench: Bench) -> None:
    bench.click("text")
    session = bench.browser.context.new_cdp_session(bench.page)
    for text in ("ka", "kan", "kanj"):
        session.send(
            "Input.imeSetComposition", {"text": text, "selectionStart": 2, "selectionEnd": 2}
        )
    session.send("Input.insertText", {"text": "漢字"})
    bench.page.wait_for_timeout(1_000)
    events = bench.take()
    [burst] = events["typing"]
    assert burst["count"] in {3, 4}
    assert events["key_timing"] == []


def test_scroll_of_page_and_pane_as_differences(bench: Bench) -> None:
    bench.at("nowhere")
    bench.page.wait_for_timeout(100)
    bench.input.wheel(*CENTRES["nowhere"], 5, 240)
    bench.settle()
    bench.page.evaluate("scrollTo(0, 0)")
    bench.settle()
    bench.at("pane")
    bench.page.wait_for_timeout(100)
    bench.input.wheel(*CENTRES["pane"], 5, 90)
    rows = bench.take()["scroll"]
    assert sum(row["dy"] for row in rows) == 240 + 90, "what the page scrolled itself is not told"
    assert {row["dx"] for row in rows} == {0}
    assert min(row["dy"] for row in rows) > 0


@pytest.mark.parametrize("name", ["text", "long"])
def test_what_typing_moves_is_no_scroll(bench: Bench, name: str) -> None:
    """A field that follows its caret would tell the width of each letter."""
    bench.page.evaluate("moved = 0; addEventListener('scroll', () => { moved += 1 }, true)")
    bench.click(name)
    bench.write("iiWWiiWWmm" * 6, ticks=2)
    bench.page.keyboard.press("Home")
    assert bench.take()["scroll"] == []
    assert bench.page.evaluate("moved") > 0
    bench.at("pane")
    bench.page.wait_for_timeout(100)
    bench.input.wheel(*CENTRES["pane"], 5, 90)
    assert sum(row["dy"] for row in bench.take()["scroll"]) == 90


def test_attention_tells_view_and_focus_of_the_tab(bench: Bench) -> None:
    bench.open("/bench/stage")
    bench.page.reload()
    states = [row["state"] for row in bench.take()["attention"]]
    assert states[:2] == [1, 3]


def test_load_within_and_leave(bench: Bench) -> None:
    bench.page.evaluate("history.replaceState({ scroll: 3 }, '')")
    bench.page.evaluate("history.pushState(null, '', '/bench/elsewhere')")
    bench.page.wait_for_timeout(50)
    bench.page.goto(CRM + "/bench/frame")
    moves = bench.take()["navigation"]
    assert [(move["kind"], move["from_app"]) for move in moves] == [(2, 7), (4, 7), (1, 3)]
    assert moves[2]["dwell"] == 120
    assert all(move["from_route"] == move["to_route"] == 0 for move in moves)
    assert moves[0]["document"] == moves[1]["document"] != moves[2]["document"]


def test_last_second_before_leaving_is_kept(bench: Bench) -> None:
    bench.click("plain")
    bench.page.goto("about:blank")
    assert len(bench.take()["click"]) == 1


def test_page_back_from_cache_asks_again_and_says_restored(bench: Bench) -> None:
    bench.page.goto(CRM + "/bench/frame")
    bench.settle()
    bench.clear()
    bench.page.evaluate("addEventListener('pageshow', (e) => { window.back = e.persisted })")
    bench.page.goto("about:blank")
    bench.page.go_back(wait_until="commit")
    bench.page.wait_for_timeout(300)
    assert bench.page.evaluate("window.back"), "the browser kept the page"
    moves = bench.take()["navigation"]
    assert [move["kind"] for move in moves] == [4, 3]
    assert len({move["document"] for move in moves}) == 1


# --------------------------------------------------------------------------------- what is not


def test_nothing_from_sensitive_fields_and_marked_regions(bench: Bench) -> None:
    for name in (*SENSITIVE, *SENSITIVE_FRAMES):
        x, y = CENTRES[name]
        for step in range(12):
            bench.input.move(x - 6 + step, y, 3)
        bench.click(name)
        bench.write("s3cret")
        bench.input.key("Enter", 10)
    events = bench.take()
    # That the tab is in use may be told; where in it may not.
    assert total(events, "attention", "navigation") == 0


def test_no_typing_in_fields_that_hide_themselves(bench: Bench) -> None:
    bench.click("ghost")
    bench.write("s3cret")
    bench.input.key("Enter", 10)
    events = bench.take()
    assert events["typing"] == []
    assert events["key_timing"] == []


def test_password_shown_as_text_stays_sensitive(bench: Bench) -> None:
    bench.page.evaluate("document.getElementById('password').type = 'text'")
    bench.click("password")
    bench.write("s3cret")
    assert total(bench.take(), "attention") == 0


def test_password_made_later_and_shown_by_its_own_button_stays_sensitive(bench: Bench) -> None:
    bench.page.evaluate(
        """() => {
          const field = document.createElement("input");
          field.type = "password";
          field.style.cssText = "left:780px;top:60px";
          document.querySelector("main").append(field);
          plain.addEventListener("pointerdown", () => { field.type = "text" });
        }"""
    )
    bench.click("plain")
    bench.clear()
    bench.input.click(860, 80, 5)
    bench.write("s3cret")
    events = bench.take()
    assert events["typing"] == events["key_timing"] == []
    assert len(events["click"]) <= 1, "only the click on the button"


def test_events_made_by_scripts_give_nothing(bench: Bench) -> None:
    bench.page.evaluate(
        """() => {
          const at = { bubbles: true, composed: true, clientX: 480, clientY: 20 };
          for (let i = 0; i < 50; i++) {
            box.dispatchEvent(new PointerEvent("pointermove", at));
            box.dispatchEvent(new PointerEvent("pointerover", at));
            box.dispatchEvent(new WheelEvent("wheel", at));
          }
          plain.click();
          text.focus();
          for (const type of ["keydown", "keyup"])
            text.dispatchEvent(new KeyboardEvent(type, { key: "a", code: "KeyA", ...at }));
          text.value = "filled by a password manager";
          text.dispatchEvent(new InputEvent("beforeinput", { inputType: "insertText", ...at }));
        }"""
    )
    assert total(bench.take()) == 0


def test_moving_within_the_app_into_an_excluded_part_ends_recording_there(bench: Bench) -> None:
    bench.at("box")
    bench.input.move(500, 650, 40)
    bench.page.evaluate("history.pushState(null, '', '/payroll/stage')")
    bench.page.wait_for_timeout(30)
    for step in range(10):
        bench.input.move(300 + step, 640, 3)
    bench.click("plain")
    bench.click("text")
    bench.write("abc")
    bench.page.evaluate("history.pushState(null, '', '/payroll/other')")
    bench.page.wait_for_timeout(30)
    events = bench.take()
    assert len(events["pointer"]) == 2
    assert events["click"] == events["typing"] == events["key_timing"] == []
    assert [(move["kind"], move["to_route"]) for move in events["navigation"]] == [(4, 0)]
    bench.page.evaluate("history.pushState(null, '', '/bench/stage')")
    bench.page.wait_for_timeout(30)
    bench.click("plain")
    events = bench.take()
    assert [(m["kind"], m["from_app"], m["dwell"]) for m in events["navigation"]] == [(2, 0, 0)]
    assert len(events["click"]) == 1


@pytest.mark.parametrize("path", ["/payroll/stage", "/PAYROLL/stage", "/%70ayroll/stage"])
def test_nothing_in_an_excluded_part_nor_in_its_frames(bench: Bench, path: str) -> None:
    bench.open("/bench/stage")
    bench.page.evaluate("path => history.replaceState(null, '', path)", path)
    bench.settle()
    bench.clear()
    bench.click("plain")
    bench.click("inline frame field")
    bench.write("abc")
    bench.click("frame button")
    assert total(bench.take()) == 0


def test_page_sees_nothing_of_it(bench: Bench) -> None:
    before = bench.page.evaluate("document.documentElement.outerHTML")
    errors: list[str] = []
    bench.page.on("console", lambda message: errors.append(message.text))
    bench.page.on("pageerror", lambda error: errors.append(str(error)))
    bench.click("plain")
    bench.click("text")
    bench.input.key("Backspace", 5)
    bench.settle()
    assert bench.page.evaluate("document.documentElement.outerHTML") == before
    assert bench.page.evaluate("Object.keys(window).filter((name) => /candor/i.test(name))") == []
    assert bench.page.evaluate("typeof chrome === 'undefined' || chrome.runtime === undefined")
    assert errors == []


# ----------------------------------------------------------------------------- the worker decides


def test_only_granted_signals_are_taken(bench: Bench) -> None:
    bench.worker.evaluate("bench.config = { ...bench.config, signals: 2 }")
    bench.worker.evaluate("bench.askAll()")
    bench.settle()
    bench.clear()
    for step in range(10):
        bench.input.move(300 + 5 * step, 640, 3)
    bench.click("plain")
    bench.click("text")
    bench.write("ab")
    events = bench.take()
    assert len(events["click"]) == 2
    assert total(events, "click") == 0


def test_pause_takes_effect_at_once_and_resuming_too(bench: Bench) -> None:
    bench.worker.evaluate("bench.config = { ...bench.config, signals: 0 }")
    bench.worker.evaluate("bench.askAll()")
    bench.page.wait_for_timeout(200)
    bench.clear()
    bench.click("plain")
    events = bench.take()
    assert total(events, "navigation") == 0
    assert [move["kind"] for move in events["navigation"]] == [4], "the pause itself"
    bench.worker.evaluate("bench.config = { ...bench.config, signals: 255 }")
    bench.worker.evaluate("bench.askAll()")
    bench.page.wait_for_timeout(200)
    bench.click("plain")
    assert len(bench.take()["click"]) == 1


def test_null_detaches_for_good(bench: Bench) -> None:
    bench.worker.evaluate("bench.kept = bench.config; bench.config = null")
    bench.worker.evaluate("bench.askAll()")
    bench.page.wait_for_timeout(200)
    bench.worker.evaluate("bench.config = bench.kept")
    bench.worker.evaluate("bench.askAll()")
    bench.clear()
    bench.click("plain")
    assert total(bench.take()) == 0


def test_flush_is_kept_until_the_worker_holds_it(bench: Bench) -> None:
    bench.worker.evaluate("bench.keep = false")
    bench.click("plain")
    bench.settle()
    bench.click("link")
    flushes = bench.flushes()
    assert len(flushes) >= 2, "it is sent again"
    assert len({flush["flush"] for flush in flushes}) == 1
    assert len({str(flush["columns"]) for flush in flushes}) == 1
    bench.worker.evaluate("bench.keep = true; bench.columns.length = 0")
    wait_until(
        bench.page,
        lambda: bench.worker.evaluate("new Set(bench.columns.map((one) => one.flush)).size") >= 2,
    )
    later = bench.flushes()
    numbers = [flush["flush"] for flush in later]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert sum(len((flush["columns"]["click"] or [[]])[0]) for flush in later) == 2


def test_what_one_tab_hands_over_costs_little(bench: Bench) -> None:
    for step in range(200):
        bench.input.move(300 + step, 640 + step % 7, 2)
    flushes = bench.flushes()
    events = sum(len((flush["columns"]["pointer"] or [[]])[0]) for flush in flushes)
    cost_ms = sum(flush["costMs"] for flush in flushes)
    assert events > 50
    assert 0 < cost_ms < events, "less than a millisecond of the page's time an event"
    assert [flush["lost"] for flush in flushes] == [0] * len(flushes)
