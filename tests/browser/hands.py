"""How a person works a page: with the mouse, or with the keyboard alone. Labels are German and English, as there.

With the keyboard everything is done by keys: signing in, following links, typing days. Two things are the driver's:
which file the system's own dialogue chooses, and the first address. At each stop on the way the focus must be seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Locator, Page

from .conftest import Watched

MOST_TABS = 250
MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d))?")

FOCUS = """() => {
  // What is wrong with how the focused element shows it; asked once for each.
  const e = document.activeElement;
  window.nordaStops ??= new WeakSet();
  if (!e || e === document.body || window.nordaStops.has(e)) return "";
  window.nordaStops.add(e);
  const called = (e.getAttribute("aria-label") || e.name || e.textContent).trim().slice(0, 60);
  const name = `${e.tagName.toLowerCase()} ${called}`;
  const boxes = [...e.getClientRects()].filter(box => box.width > 0 && box.height > 0);
  const inside = box => box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight;
  if (!boxes.some(inside)) return `${name} has the focus outside of the window`;
  // At one place at least it, or what labels it, lies on top.
  const near = seen => seen && (e.contains(seen) || [...(e.labels ?? [])].some(label => label.contains(seen)));
  const places = [0.02, 0.25, 0.5, 0.75, 0.98];
  const onTop = boxes.some(box => places.some(x => places.some(y =>
    near(document.elementFromPoint(box.left + box.width * x, box.top + box.height * y)))));
  if (!onTop) return `${name} has the focus and is covered`;
  const parts = [e, ...e.querySelectorAll("*")].slice(0, 20);
  const look = () => parts.flatMap(part => [null, "::before", "::after"].map(pseudo => {
    const style = getComputedStyle(part, pseudo);
    const outline = style.outlineStyle === "none" || style.outlineWidth === "0px" ? ""
      : `${style.outlineStyle} ${style.outlineWidth} ${style.outlineColor}`;
    return [outline, style.boxShadow, style.stroke, style.strokeWidth].join();
  })).join("|");
  const focused = look();
  e.blur();
  const unfocused = look();
  e.focus({preventScroll: true, focusVisible: true});
  return focused === unfocused ? `${name} does not show that it has the focus` : "";
}"""


@dataclass
class Hands:
    """One person at one window. `keyboard`: every control is reached by Tab and pressed by Enter or Space."""

    at: Watched
    language: str = "de"
    keyboard: bool = False
    american: bool = field(default=True)
    """Whether date fields begin with the month, as the browser's own language has it; found out at the first one."""

    @property
    def page(self) -> Page:
        return self.at.page

    def word(self, de: str, en: str) -> str:
        return en if self.language == "en" else de

    def sign_in(self, person: str, service: str = "registry") -> None:
        """Open the service, and choose this person where the issuer asks."""
        self.at.open(service)
        if self.page.url.startswith(self.at.norda.issuer):
            self.go(self.page.locator(f'button[name="person"][value="{person}"]'))
        self.page.wait_for_url(f"{self.at.norda.services[service].url}/**")

    def speak(self) -> None:
        """Choose the language, where it is not yet the page's."""
        if self.page.locator("html").get_attribute("lang") != self.language:
            self.press("button", "Deutsch", "English")

    def open(self, service: str, path: str, *way: tuple[str, str]) -> Page:
        """Come to a page: by its address, or with the keyboard by links from where one is: the service's, then `way`.

        A step is a link's name in German and English, or `("", address)`, the link that leads there.
        """
        if not self.keyboard:
            return self.at.open(service, path)
        services = {
            "registry": ("Register", "Registry"),
            "events": ("Veranstaltungen", "Events"),
            "notifications": ("Nachrichten", "Messages"),
        }
        self.press("link", *services[service], within="header")
        for de, en in way:
            if de:
                self.press("link", de, en)
            else:
                self.go(self.page.locator(f'main a[href="{en}"]').locator("visible=true").first)
        assert self.page.url == self.at.url(service, path), f"the links lead to {self.page.url}"
        return self.page

    def search(self, words: str) -> Page:
        """Look for an organisation of any state."""
        if not self.keyboard:
            return self.at.open("registry", f"/organisations?q={words}&state=all")
        self.open("registry", "/")
        self.fill("q", words)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        return self.page

    def press(self, role: str, de: str, en: str, *, within: str = "body") -> None:
        """Press a button or follow a link by its name, and wait for the page it leads to."""
        found = self.page.locator(within).get_by_role(role, name=self.word(de, en), exact=True)  # type: ignore[arg-type]
        self.go(found.locator("visible=true").first)

    def unfold(self, de: str, en: str) -> None:
        """Show what stands behind a disclosure."""
        control = self.page.locator("summary", has_text=self.word(de, en))
        if self.keyboard:
            self.reach(control)
            self.page.keyboard.press("Enter")
        else:
            control.click()

    def go(self, control: Locator) -> None:
        """Press a control that leads to another page."""
        if self.keyboard:
            self.reach(control)
        with self.page.expect_navigation():
            if self.keyboard:
                self.page.keyboard.press("Enter")
            else:
                control.click()

    def reach(self, control: Locator) -> None:
        """Move the focus there by Tab, as often as it takes; at each stop it must be seen where it is."""
        for _ in range(MOST_TABS):
            if control.evaluate("e => e === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
            fault = self.page.evaluate(FOCUS)
            assert not fault, f"{self.page.url}: {fault}"
        raise AssertionError(f"{control} cannot be reached by keyboard")

    def fill(self, name: str, value: str) -> None:
        """Type into the field of that name."""
        control = self.page.locator(f'[name="{name}"]').locator("visible=true").first
        kind = control.evaluate("e => e.tagName === 'SELECT' ? 'select' : e.type")
        if not self.keyboard:
            if kind == "select":
                control.select_option(value)
            else:
                control.fill(value)
            return
        self.reach(control)
        if kind == "select":
            label = control.evaluate("(e, v) => [...e.options].find(o => o.value === v).text", value)
            self.page.keyboard.type(str(label))
        elif kind in {"datetime-local", "date"}:
            self._type_moment(control, value)
        else:
            self.page.keyboard.press("Control+A")
            self.page.keyboard.type(value)
        assert control.input_value() == value, f"{name} holds {control.input_value()!r}"

    def _type_moment(self, control: Locator, value: str) -> None:
        """Type a day, and a time, part by part. Which part comes first depends on the browser's own language."""
        for american in (self.american, not self.american):
            self._type_parts(value, american=american)
            if control.input_value() == value:
                self.american = american
                return
            # Back to the first part, which is where the field is entered.
            while control.evaluate("e => e === document.activeElement"):
                self.page.keyboard.press("Shift+Tab")
            self.page.keyboard.press("Tab")

    def _type_parts(self, value: str, *, american: bool) -> None:
        found = MOMENT.fullmatch(value)
        assert found, value
        year, month, day, hour, minute = found.groups()
        parts = [month, day] if american else [day, month]
        parts.append(year)
        if hour is not None and american:
            parts += [f"{(int(hour) - 1) % 12 + 1:02}", minute, "AM" if int(hour) < 12 else "PM"]
        elif hour is not None:
            parts += [hour, minute]
        for part in parts:
            self.page.keyboard.type(part)
            # A year may have six digits, so it does not go on by itself.
            if part == year:
                self.page.keyboard.press("ArrowRight")

    def choose_file(self, path: Path) -> None:
        """Choose a file. The system's own dialogue is not the page's, so the driver chooses in its place."""
        control = self.page.locator('input[type="file"]')
        if self.keyboard:
            self.reach(control)
        control.set_input_files(path)

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
