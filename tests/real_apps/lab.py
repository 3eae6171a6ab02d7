"""One person's work in JupyterLab: the smoke script, the same with and without the extension.

Owns the steps and what they leave behind; knows nothing of recording.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Locator, Page

from tests.real_apps.looking import Cost, page_state
from tests.real_apps.processes import LAB
from tests.support.browser import wait_until
from tests.support.canary import Canaries
from tests.support.human import Hand
from tests.support.person import Person

CELLS: Final = 150
NUMBERS: Final = "numbers.csv"
FRAMED: Final = "framed.html"
GETPASS: Final = "import getpass; len(getpass.getpass())"
MADE_IN_TERMINAL: Final = "made-in-terminal.txt"
IN_BUTTON: Final = (47, 72)
IN_FIELD: Final = (200, 148)
SEEN: Final = 20_000


def files(canaries: Canaries) -> dict[str, str]:
    """Return what is in the file browser from the start."""
    text = canaries.text("lab.markdown")
    cells = [_cell(number, f"Line {number} of a long notebook. {text}") for number in range(CELLS)]
    notebook = {"cells": cells, "metadata": KERNEL, "nbformat": 4, "nbformat_minor": 5}
    rows = "".join(f"{number},{number * number}\n" for number in range(3000))
    field = '<p><label>Name <input style="width:300px;height:60px"></label></p>'
    page = "<p>A page in a frame.</p>" + '<p><button style="padding:20px">Press</button></p>'
    return {
        f"{canaries.text('lab.file-name')}.ipynb": json.dumps(notebook),
        NUMBERS: f"number,{canaries.text('lab.column')}\n{rows}",
        FRAMED: f"<!doctype html><title>Framed</title>{page}{field}",
    }


KERNEL: Final = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
}


def _cell(number: int, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": f"cell-{number}", "metadata": {}, "source": text}


class LabWork:
    """The steps, in order.

    Args:
        page: An empty tab.
        canaries: What is typed and shown.
        folder: Where this JupyterLab keeps its files.
    """

    def __init__(self, page: Page, canaries: Canaries, folder: Path) -> None:
        self.page = page
        self.canaries = canaries
        self.cost = Cost(page)
        self.folder = folder
        self.person = Person(page, Hand(11, pace=6))
        self.clicks = 0
        self.steps: dict[str, tuple[float, float]] = {}
        self.typed: Counter[str] = Counter()

    def run(self) -> None:
        """Do everything, and note when which step was."""
        for step in (
            self.open,
            self.open_notebook,
            self.write_cells,
            self.answer_getpass,
            self.scroll_notebook,
            self.filter_files,
            self.use_menu,
            self.look_at_numbers,
            self.use_frame,
            self.use_terminal,
        ):
            start = time.time()
            step()
            self.steps[step.__name__] = (start, time.time())
        self.cost.keep()

    def open(self) -> None:
        """Load JupyterLab by an address that holds a secret."""
        self.page.goto(f"{LAB}/lab?reset&note={self.canaries.text('lab.address')}")
        self.page.locator(".jp-Launcher").wait_for(timeout=SEEN * 2)
        self._item(NUMBERS).wait_for(timeout=SEEN)

    def open_notebook(self) -> None:
        """Open the notebook from the file browser."""
        self._open_file(f"{self.canaries.text('lab.file-name')}.ipynb")
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=SEEN)
        self.page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=SEEN)

    def write_cells(self) -> None:
        """Add a cell and run it."""
        self._click(self.page.locator(".jp-Notebook .jp-Cell").first)
        self.person.press("b")
        self.person.press("y")
        self.person.press("Enter")
        self._type("rich text", f"print('{self.canaries.text('lab.cell')}')")
        self._run()
        self.page.locator(".jp-OutputArea-output").first.wait_for(timeout=SEEN)

    def answer_getpass(self) -> None:
        """Give a running cell a password."""
        self._click(self.page.locator(".jp-Notebook .jp-Cell").nth(1))
        self.person.press("Escape")
        self.person.press("b")
        self.person.press("Enter")
        self._type("rich text", GETPASS)
        self._run()
        box = self.page.locator("input.jp-Stdin-input")
        box.wait_for(timeout=SEEN)
        self.person.click(box)  # tells nothing
        self.person.type(self.canaries.text("lab.password"))
        self.person.press("Enter")
        box.wait_for(state="hidden", timeout=SEEN)

    def scroll_notebook(self) -> None:
        """Scroll the notebook, which shows only the cells in view."""
        self.person.hover(self.page.locator(".jp-Notebook .jp-Cell").nth(2))
        self.person.scroll(3000)
        self.page.wait_for_timeout(300)
        self.person.scroll(-3000)

    def filter_files(self) -> None:
        """Look for a file; field and button are in shadow roots."""
        self._click(self.page.locator("jp-button[data-command='filebrowser:toggle-file-filter']"))
        self._click(self.page.locator(".jp-FileBrowser jp-search"))
        self._type("search", self.canaries.text("lab.filter"))
        self._item(NUMBERS).wait_for(state="hidden", timeout=SEEN)
        self._click(self.page.locator("jp-button[data-command='filebrowser:toggle-file-filter']"))

    def use_menu(self) -> None:
        """Save from the menu."""
        self._click(self.page.locator(".lm-MenuBar-item", has_text="File"))
        label = ".lm-Menu-itemLabel:text-is('Save Notebook')"
        # The menu goes before the button is up, so that the browser knows of no click.
        self.person.click(self.page.locator(f".lm-Menu-item:has(> {label})"))
        self.page.get_by_text("Saving completed").wait_for(timeout=SEEN)

    def look_at_numbers(self) -> None:
        """Open the table that is drawn on a canvas."""
        self._open_file(NUMBERS)
        self.page.locator(".jp-CSVViewer canvas").first.wait_for(timeout=SEEN)
        self._click(self.page.locator(".jp-CSVViewer .lm-DataGrid-viewport"))
        self.person.scroll(2000)

    def use_frame(self) -> None:
        """Open a page in a sandboxed frame, press its button and type in its field."""
        self._open_file(FRAMED)
        frame = self.page.locator(".jp-HTMLViewer iframe")
        frame.wait_for(timeout=SEEN)
        self.page.wait_for_timeout(500)
        box = frame.bounding_box() or {"x": 0, "y": 0}
        # By place, since the driver's own script in this frame would fill the console.
        for x, y in (IN_BUTTON, IN_FIELD):
            self.person.move_to(box["x"] + x, box["y"] + y)
            self.page.mouse.down()
            self.page.mouse.up()
            self.clicks += 1
            self.page.wait_for_timeout(150)
        self._type("text", self.canaries.text("lab.frame"))

    def use_terminal(self) -> None:
        """Give a terminal a command."""
        self._click(self.page.locator(".jp-FileBrowser jp-button[data-command='launcher:create']"))
        self._click(self.page.locator(".jp-LauncherCard:visible", has_text="Terminal"))
        terminal = self.page.locator(".jp-Terminal .xterm-screen")
        terminal.wait_for(timeout=SEEN)
        self.page.wait_for_timeout(500)
        self._click(terminal)
        self.person.type(f"echo {self.canaries.text('lab.terminal')} >{MADE_IN_TERMINAL}")
        self.person.press("Enter")
        made = self.folder / "notebooks" / MADE_IN_TERMINAL
        wait_until(self.page, lambda: made.exists() and made.read_text("utf-8").strip())
        self._click(self.page.locator("jp-button[data-command='filebrowser:refresh']"))
        self._item(MADE_IN_TERMINAL).wait_for(timeout=SEEN)

    def state(self) -> dict[str, object]:
        """Return what this work left behind: files, and the whole page without what is random."""
        name = self.canaries.text("lab.file-name")
        notebook = json.loads((self.folder / "notebooks" / f"{name}.ipynb").read_text("utf-8"))
        for cell in notebook["cells"]:
            cell["metadata"].pop("execution", None)
            cell["id"] = ""
        return {
            "notebook": notebook,
            "by terminal": (self.folder / "notebooks" / MADE_IN_TERMINAL).read_text("utf-8"),
            "address": self.page.url,
            "page": page_state(self.page),
        }

    # ------------------------------------------------------------------------------ by hand

    def _item(self, name: str) -> Locator:
        return self.page.locator(".jp-DirListing-item", has_text=name)

    def _click(self, target: Locator) -> None:
        self.person.click(target)
        self.clicks += 1

    def _type(self, field: str, text: str) -> None:
        self.person.type(text)
        self.typed[field] += len(text)

    def _run(self) -> None:
        """Run the cell that is being edited."""
        self.person.press("Shift+Enter")
        self.typed["rich text"] += 1

    def _open_file(self, name: str) -> None:
        self.person.hover(self._item(name))
        for count in (1, 2):
            self.page.mouse.down(click_count=count)
            self.page.mouse.up(click_count=count)
        self.clicks += 2
