"""One person's work in datasette: the smoke script, the same with and without the extension.

Owns the steps and what they leave behind; knows nothing of recording.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from playwright.sync_api import Locator, Page

from tests.real_apps.looking import Cost, page_state
from tests.real_apps.processes import DATA
from tests.support.canary import Canaries
from tests.support.human import Hand
from tests.support.person import Person

CITY: Final = "Lyon"
SEEN: Final = 10_000
_TIMES: Final = re.compile(r"Queries took [0-9.]+ms")


def secrets(canaries: Canaries) -> dict[str, str]:
    """Return what the database hides: one customer's note, and the name of a table."""
    return {"note": canaries.text("data.note"), "table": canaries.text("data.table")}


class DataWork:
    """The steps, in order.

    Args:
        page: An open tab.
        canaries: What is typed and shown.
    """

    def __init__(self, page: Page, canaries: Canaries) -> None:
        self.page = page
        self.canaries = canaries
        self.cost = Cost(page)
        self.person = Person(page, Hand(12, pace=6))
        self.clicks = 0
        self.typed: Counter[str] = Counter()
        self.shown: list[str] = []

    def run(self) -> None:
        """Do everything."""
        self.open()
        self.filter()
        self.use_facet()
        self.use_column_menu()
        self.ask_in_sql()
        self.open_table()

    def open(self) -> None:
        """Load the start page by an address that holds a secret, and go to the customers."""
        self.page.goto(f"{DATA}/?note={self.canaries.text('data.address')}")
        self._follow(self.page.locator("h2 a", has_text="shop"))
        self._follow(self.page.get_by_role("link", name="customers", exact=True).first)

    def filter(self) -> None:
        """Look for a name by keys: no one has it."""
        self._click(self.page.locator("input.filter-value"))
        for key in ("Shift+Tab", "Shift+Tab", "n", "Tab", "Tab"):
            self.person.press(key)
        self.typed["other"] += 1
        name = self.canaries.text("data.filter")
        self.person.type(name)
        self.typed["text"] += len(name) + 1
        self.cost.keep()
        with self.page.expect_navigation():
            self.person.press("Enter")
        self._show()

    def use_facet(self) -> None:
        """Take the filter away, count by city, and choose one."""
        self._follow(self.page.locator(".breadcrumbs, header, nav").get_by_text("shop"))
        self._follow(self.page.get_by_role("link", name="customers", exact=True).first)
        self._follow(self.page.locator(".suggested-facets a", has_text="city"))
        self._follow(self.page.locator(".facet-info a", has_text=CITY))
        self.person.hover(self.page.locator("table.rows-and-columns td").nth(8))
        self.person.scroll(1500)
        self.page.wait_for_timeout(200)
        self.person.scroll(-1500)

    def use_column_menu(self) -> None:
        """Sort by what was spent, from the menu that a script adds to each column."""
        self._click(self.page.locator("th[data-column=spent] svg.dropdown-menu-icon"))
        self._follow(self.page.locator(".dropdown-menu a.dropdown-sort-desc"))

    def ask_in_sql(self) -> None:
        """Write a query in the editor and run it."""
        self._follow(self.page.locator("a", has_text="View and edit SQL"))
        self._click(self.page.locator(".CodeMirror-line").first)
        self.person.press("Control+a")
        query = f"select '{self.canaries.text('data.query')}' as found"
        self.person.type(query)
        self.typed["multi-line"] += len(query)
        self._follow(self.page.locator("input[type=submit][value='Run SQL']"))

    def open_table(self) -> None:
        """Open the table whose name is a secret, and the row that has one."""
        self._follow(self.page.locator("nav, header").get_by_text("shop"))
        self._follow(self.page.get_by_role("link", name=self.canaries.text("data.table")).first)
        self.cost.keep()
        self.page.go_back()
        self._follow(self.page.get_by_role("link", name="customers", exact=True).first)
        self._follow(self.page.locator("td.type-pk a").nth(2))
        self.page.wait_for_timeout(400)
        self.cost.keep()

    def state(self) -> dict[str, object]:
        """Return what every page of this work was in the end, without what is random."""
        return {
            "pages": [_TIMES.sub("", page) for page in self.shown],
            "page": page_state(self.page),
        }

    # ------------------------------------------------------------------------------ by hand

    def _click(self, target: Locator) -> None:
        self.person.click(target)
        self.clicks += 1

    def _follow(self, target: Locator) -> None:
        """Click what leads to another page, and keep what that page is."""
        self.person.hover(target)
        self.cost.keep()
        with self.page.expect_navigation(timeout=SEEN):
            self.page.mouse.down()
            self.page.mouse.up()
        self.clicks += 1
        self._show()

    def _show(self) -> None:
        self.page.wait_for_load_state("load")
        self.shown.append(f"{self.page.url}\n{self.page.content()}")
