"""What the demonstration's person does in each app; every typed text is a canary.

Owns the order of movements and keys; counts nothing and judges nothing.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.support.apps import CRM, MAIL, WIKI
from tests.support.canary import Canaries
from tests.support.person import Person

_TEXT_FIELDS = (".f-name", ".f-email", ".f-site", ".f-note")
_DIGIT_FIELDS = (".f-phone", ".f-amount")
_SECRET_DIGIT_FIELDS = (".f-card", ".f-cvc", ".f-otp")


def browse_customers(person: Person, canaries: Canaries) -> None:
    """Look through the list, search it, use the menu."""
    page = person.page
    page.goto(f"{CRM}/")
    for row in (2, 5, 8):
        person.hover(page.locator("tbody tr").nth(row))
    person.click(page.get_by_role("button", name="Actions"))
    person.hover(page.get_by_role("menuitem").nth(0))
    person.click(page.get_by_role("menuitem").nth(1))
    person.fill(page.locator(".find input"), canaries.text("typed.search"))
    for _ in range(16):
        person.press("Backspace")
    person.scroll(300)
    person.scroll(-300)


def edit_customer(person: Person, canaries: Canaries, number: int) -> None:
    """Open one customer and fill in every kind of field, the secret ones too."""
    page = person.page
    person.click(page.locator("tbody tr a").nth(number))
    for field in _TEXT_FIELDS:
        person.fill(page.locator(field), canaries.text(f"typed.{number}{field}"))
    for field in (*_DIGIT_FIELDS, *_SECRET_DIGIT_FIELDS):
        person.fill(page.locator(field), canaries.digits(f"typed.{number}{field}"))
    person.click(page.locator(".f-date"))
    person.type("24122026")
    page.locator(".f-kind").select_option(index=2)
    person.actions += 1
    person.click(page.locator(".f-urgent"))
    person.fill(page.locator(".f-pass"), canaries.text(f"typed.{number}.password"))
    person.click(page.locator(".reveal"))
    person.click(page.locator(".f-pass"))
    person.type(canaries.text(f"typed.{number}.shown-password"))
    _attach(person, canaries, number)
    person.click(page.locator("star-rating button").nth(3))
    person.fill(page.locator("star-rating input"), canaries.text(f"typed.{number}.shadow"))
    call = page.frame_locator(".notes").locator(".call")
    person.fill(call, canaries.text(f"typed.{number}.frame"))
    person.fill(page.locator("#chat-input"), canaries.text(f"typed.{number}.chat"))
    person.press("Enter")
    person.click(page.locator("button.primary"))
    person.click(page.locator(".back"))


def _attach(person: Person, canaries: Canaries, number: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        contract = Path(folder) / f"{canaries.text(f'file.name-{number}')}.txt"
        contract.write_text(canaries.text(f"file.content-{number}"), "utf-8")
        person.page.locator(".f-file").set_input_files(contract)
        person.actions += 1


def visit_payroll(person: Person, canaries: Canaries) -> None:
    """Work on the excluded path."""
    page = person.page
    person.click(page.locator("#to-payroll"))
    person.fill(page.locator(".p-who"), canaries.text("typed.payroll-name"))
    person.fill(page.locator(".p-sum"), canaries.digits("typed.payroll-sum"))
    person.click(page.locator(".p-save"))
    person.click(page.get_by_role("link", name="Customers"))


def edit_wiki(person: Person, canaries: Canaries) -> None:
    """Read a page, edit it, and go back."""
    page = person.page
    page.goto(f"{WIKI}/page/returns")
    person.scroll(500)
    person.click(page.get_by_text("Exceptions"))
    person.scroll(-500)
    person.fill(page.get_by_label("Search the wiki"), canaries.text("typed.wiki-search"))
    person.click(page.locator(".edit-link"))
    person.click(page.locator(".editor p"))
    person.press("End")
    person.type(canaries.text("typed.editor"))
    person.click(page.get_by_role("button", name="B"))
    person.type(canaries.text("typed.editor-bold"))
    person.fill(page.locator(".summary"), canaries.text("typed.wiki-summary"))
    person.click(page.locator(".save"))
    person.click(page.locator(".leave-link"))


def read_mail(person: Person, canaries: Canaries) -> None:
    """Read and write private mail in the app that nobody approved."""
    page = person.page
    page.goto(f"{MAIL}/")
    person.hover(page.locator(".list button").nth(0))
    person.click(page.locator(".list button").nth(2))
    person.fill(page.locator(".m-to"), canaries.text("typed.mail-to"))
    person.fill(page.locator(".m-about"), canaries.text("typed.mail-about"))
    person.fill(page.locator(".m-text"), canaries.text("typed.mail-text"))
    person.click(page.locator(".m-send"))


def keep_working(person: Person, canaries: Canaries, least: int) -> None:
    """Do at least this many things in the approved apps: what follows a withdrawal."""
    page, until = person.page, person.actions + least
    page.goto(f"{CRM}/")
    number = 0
    while person.actions < until:
        number += 1
        person.click(page.locator("tbody tr a").nth(number % 8))
        person.fill(page.locator(".f-note"), canaries.text(f"typed.after-{number % 4}"))
        person.press("Tab")
        person.scroll(200)
        person.click(page.locator(".back"))
