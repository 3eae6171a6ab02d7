"""What the content script takes from pages that work against it: less, never more.

The content script is the shipped one; its worker only collects, so each claim is about capture
alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.e2e.capture_bench import CENTRES, Bench, bench_browser, total
from tests.support.apps import CRM
from tests.support.browser import Browser

pytestmark = pytest.mark.timeout(180)

LEFT, TOP, RIGHT, BOTTOM = 0, 560, 400, 660
"""The part of the view that tests of the pointer mark as private."""
BUSY_S = 1.5


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with bench_browser(tmp_path_factory.mktemp("capture")) as running:
        yield running


@pytest.fixture
def bench(browser: Browser) -> Iterator[Bench]:
    bench = Bench(browser)
    yield bench
    bench.page.close()


def put(bench: Bench, html: str) -> None:
    """Add to the end of the page."""
    bench.page.evaluate("html => document.body.insertAdjacentHTML('beforeend', html)", html)


def put_private_part(bench: Bench) -> None:
    put(
        bench,
        f"<div data-candor-ignore style='position:absolute;left:{LEFT}px;top:{TOP}px;"
        f"width:{RIGHT - LEFT}px;height:{BOTTOM - TOP}px'></div>",
    )


def is_inside(point: dict[str, int]) -> bool:
    return LEFT <= point["x"] < RIGHT and TOP <= point["y"] < BOTTOM


# ---------------------------------------------------------------------------- where the pointer is


def test_private_points_are_left_out_of_what_a_busy_page_gets_at_once(bench: Bench) -> None:
    """An event may bring many points, and its target says only where the last of them is."""
    put_private_part(bench)
    bench.at("nowhere")
    bench.take()
    bench.page.evaluate(
        """seconds => {
          together = 0;
          addEventListener("pointermove", (event) => {
            together = Math.max(together, event.getCoalescedEvents().length);
          });
          setTimeout(() => {
            const end = performance.now() + 1000 * seconds;
            while (performance.now() < end);
          }, 50);
        }""",
        BUSY_S,
    )
    time.sleep(0.1)
    session = bench.browser.context.new_cdp_session(bench.page)
    begin = time.time()
    across = [(20 + 30 * step, TOP + 5 + 8 * step) for step in range(12)]
    beyond = [(430 + 10 * step, 690) for step in range(6)]
    for step, (x, y) in enumerate(across + beyond):
        at = {"type": "mouseMoved", "x": x, "y": y, "timestamp": begin + 0.02 * step}
        # Sent without waiting for the page, which is busy.
        session._loop.create_task(  # noqa: SLF001 - the library has no other way
            session._impl_obj.send("Input.dispatchMouseEvent", at, None)  # noqa: SLF001
        )
    bench.page.wait_for_timeout(1_000 * BUSY_S + 500)
    assert bench.page.evaluate("together") > len(across), "they came at once"
    points = bench.take()["pointer"]
    assert [(point["x"], point["y"]) for point in points] == beyond


def test_captured_pointer_is_not_followed_into_a_private_part(bench: Bench) -> None:
    put_private_part(bench)
    bench.page.evaluate(
        "box.addEventListener('pointerdown', (event) => box.setPointerCapture(event.pointerId))"
    )
    bench.at("box")
    bench.page.mouse.move(*CENTRES["box"])
    bench.page.mouse.down()
    bench.take()
    bench.page.evaluate("seen = 0; box.addEventListener('pointermove', () => { seen += 1 })")
    for step in range(10):
        bench.page.mouse.move(200 + step, TOP + 20 + step)
        bench.page.wait_for_timeout(30)
    bench.page.mouse.move(500, 690)
    bench.page.wait_for_timeout(30)
    bench.page.mouse.up()
    assert bench.page.evaluate("seen") > 5
    points = bench.take()["pointer"]
    assert not [point for point in points if is_inside(point)]
    assert (500, 690) in [(point["x"], point["y"]) for point in points]


# --------------------------------------------------------------------------- names that hide others


@pytest.mark.parametrize(
    "name",
    [
        *("nodeType", "parentNode", "assignedSlot", "localName", "hasAttribute", "getAttribute"),
        *("matches", "control", "getRootNode", "host", "type"),
    ],
)
def test_a_field_called_like_a_property_of_its_form_does_not_unmark_it(
    bench: Bench, name: str
) -> None:
    box = "position:absolute;left:0;width:100px;height:30px"
    put(
        bench,
        f"<form data-candor-ignore style='position:absolute;left:0;top:{TOP}px;width:300px;"
        f"height:90px'><input name={name} style='{box};top:0'>"
        f"<button type=button style='{box};top:50px'>x</button></form>",
    )
    for y in (TOP + 15, TOP + 65, TOP + 40):
        bench.input.click(50, y, 20)
        bench.write("ab")
    assert total(bench.take(), "attention", "navigation") == 0
    bench.click("plain")
    assert len(bench.take()["click"]) == 1, "the rest of the page is recorded as ever"


def test_a_form_around_a_frame_cannot_hold_up_recording(bench: Bench) -> None:
    put(
        bench,
        f"<form style='position:absolute;left:0;top:{TOP}px'><input name=parentNode>"
        "<input name=assignedSlot><iframe srcdoc='<button style=\"position:absolute;left:0;top:0;"
        "width:90px;height:40px\">x</button>' style='position:absolute;left:0;top:40px;"
        "width:200px;height:90px;border:0'></iframe></form>",
    )
    bench.page.wait_for_timeout(1_300)
    bench.clear()
    bench.input.click(40, TOP + 60, 10)
    assert len(bench.take()["click"]) == 1


# ------------------------------------------------------------------- what pages do by themselves


def test_what_the_page_scrolls_by_itself_is_not_told(bench: Bench) -> None:
    """Else a page could write anything into the record by how far it scrolls."""
    bench.page.evaluate(
        """() => {
          say = async (text) => {
            for (const letter of text) {
              pane.scrollTop += letter.charCodeAt(0);
              scrollBy(0, letter.charCodeAt(0));
              await new Promise((done) => setTimeout(done, 60));
            }
          };
        }"""
    )
    bench.at("pane")
    bench.click("box")
    bench.page.wait_for_timeout(1_100)
    bench.take()
    bench.page.evaluate("say('4711')")
    assert bench.page.evaluate("pane.scrollTop") > 100
    assert bench.take()["scroll"] == []
    # Nor while a person scrolls something else.
    bench.page.evaluate("scrollTo(0, 0)")
    bench.settle()
    bench.input.wheel(*CENTRES["nowhere"], 5, 40)
    bench.page.wait_for_timeout(100)
    bench.page.evaluate("pane.scrollTop = 7")
    assert sum(row["dy"] for row in bench.take()["scroll"]) == 40


def test_scrolling_by_keys_is_told(bench: Bench) -> None:
    bench.click("nowhere")
    bench.page.keyboard.press("PageDown")
    assert sum(row["dy"] for row in bench.take()["scroll"]) > 100


def test_the_page_moves_by_itself_unless_somebody_just_did_something(bench: Bench) -> None:
    bench.page.add_init_script(
        """setTimeout(() => {
          for (let at = 0; at < 5; at += 1) history.pushState(null, "", "?" + at);
        }, 900)"""
    )
    bench.page.goto(CRM + "/bench/frame")
    bench.page.wait_for_timeout(1_500)
    assert bench.page.url.endswith("?4")
    assert [row["kind"] for row in bench.take()["navigation"]][-1] == 1, "only that it was loaded"


@pytest.mark.parametrize("word", ["iiiiiiiiiiiiiiiiiiiiiiiiiiiWiWWli", "mmmmmmmmmmmmmmmmmmmmmm"])
@pytest.mark.parametrize("tag", ["input", "textarea", "div contenteditable"])
def test_typing_past_the_edge_of_a_field_is_no_scroll(bench: Bench, tag: str, word: str) -> None:
    """In a font of letters of many widths the steps would spell the text."""
    put(
        bench,
        f"<{tag} id=narrow style='position:absolute;left:0;top:{TOP}px;width:60px;height:30px;"
        f"padding:0;overflow:auto;white-space:pre;font:16px serif'></{tag.split(maxsplit=1)[0]}>",
    )
    bench.page.evaluate("moved = 0; addEventListener('scroll', () => { moved += 1 }, true)")
    bench.input.click(30, TOP + 15, 3)
    bench.write(word)
    events = bench.take()
    assert bench.page.evaluate("moved") > 0
    assert events["scroll"] == []
    assert len(events["key_timing"]) == len(word)


# ------------------------------------------------------------------------- closed shadow roots


def test_private_button_in_a_closed_shadow_root_gives_nothing_by_keyboard(bench: Bench) -> None:
    bench.page.evaluate(
        """top => {
          const host = document.createElement("div");
          host.style = `position:absolute;left:0;top:${top}px;width:300px;height:60px`;
          document.body.append(host);
          root = host.attachShadow({ mode: "closed" });
          const button = "<button style='width:120px;height:40px'>x</button>";
          root.innerHTML = `<span data-candor-ignore>${button}</span>${button}`;
          [hidden, open] = root.querySelectorAll("button");
        }""",
        TOP,
    )
    bench.page.evaluate("hidden.focus()")
    for key in ("Enter", "Space"):
        bench.page.keyboard.press(key)
    bench.input.click(50, TOP + 20, 20)
    assert total(bench.take(), "attention", "navigation") == 0
    bench.page.evaluate("open.focus()")
    bench.page.keyboard.press("Enter")
    bench.input.click(200, TOP + 20, 20)
    assert len(bench.take()["click"]) == 2
