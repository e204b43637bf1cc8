"""How a person works a page: with the mouse, or with the keyboard alone. Labels are German and English, as there."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Locator, Page

from .conftest import Watched

MOST_TABS = 250


@dataclass
class Hands:
    """One person at one window. `keyboard`: every control is reached by Tab and pressed by Enter or Space."""

    at: Watched
    language: str = "de"
    keyboard: bool = False

    @property
    def page(self) -> Page:
        return self.at.page

    def word(self, de: str, en: str) -> str:
        return en if self.language == "en" else de

    def speak(self) -> None:
        """Choose the language, where it is not yet the page's."""
        if self.page.locator("html").get_attribute("lang") != self.language:
            self.press("button", "Deutsch", "English")

    def press(self, role: str, de: str, en: str, *, within: str = "body") -> None:
        """Press a button or follow a link by its name, and wait for the page it leads to."""
        found = self.page.locator(within).get_by_role(role, name=self.word(de, en), exact=True)  # type: ignore[arg-type]
        self.go(found.locator("visible=true").first)

    def go(self, control: Locator) -> None:
        """Press a control that leads to another page."""
        with self.page.expect_navigation():
            if self.keyboard:
                self.reach(control)
                self.page.keyboard.press("Enter")
            else:
                control.click()

    def reach(self, control: Locator) -> None:
        """Move the focus there by Tab, as often as it takes; the focus must be visible on the way."""
        for _ in range(MOST_TABS):
            if control.evaluate("e => e === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{control} cannot be reached by keyboard")

    def fill(self, name: str, value: str) -> None:
        """Type into the field of that name."""
        field = self.page.locator(f'[name="{name}"]').locator("visible=true").first
        if self.keyboard:
            self.reach(field)
        kind = field.evaluate("e => e.tagName === 'SELECT' ? 'select' : e.type")
        if kind == "select":
            if self.keyboard:
                label = field.evaluate("(e, v) => [...e.options].find(o => o.value === v).text", value)
                self.page.keyboard.type(str(label))
            else:
                field.select_option(value)
        elif kind in {"datetime-local", "date"} or not self.keyboard:
            # Which keys a date field takes depends on the browser's own language.
            field.fill(value)
        else:
            self.page.keyboard.press("Control+A")
            self.page.keyboard.type(value)

    def tick(self, name: str, value: str) -> None:
        """Tick a box or choose a radio button."""
        box = self.page.locator(f'[name="{name}"][value="{value}"]')
        if not self.keyboard:
            box.check()
            return
        if box.get_attribute("type") == "radio":
            self.reach(self.page.locator(f'[name="{name}"]').first)
            for _ in range(self.page.locator(f'[name="{name}"]').count()):
                if box.is_checked():
                    return
                self.page.keyboard.press("ArrowDown")
            return
        self.reach(box)
        if not box.is_checked():
            self.page.keyboard.press("Space")
        assert box.is_checked()

    def says(self, de: str, en: str) -> None:
        """The page's main part says this."""
        self.page.locator("body").get_by_text(self.word(de, en)).first.wait_for()
