"""A real browser, headless. Where none is installed the tests that need one are skipped, saying so; in CI they fail."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect, sync_playwright

from tests import tools

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_WITHIN_MILLISECONDS = 15_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or the one that $CHROMIUM names."""
    path = os.environ.get("CHROMIUM") or tools.require(*_NAMES, package="chromium")
    expect.set_options(timeout=_WITHIN_MILLISECONDS)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own; a script error, a blocked resource or a dialog in it fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    found = context.new_page()
    found.set_default_timeout(_WITHIN_MILLISECONDS)
    wrong: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    found.on("pageerror", lambda error: wrong.append(f"script error: {error}"))
    found.on("dialog", dismiss)
    found.on("console", lambda said: wrong.append(f"console: {said.text}") if _blocked(said.type, said.text) else None)
    yield found
    context.close()
    assert wrong == []


def _blocked(kind: str, text: str) -> bool:
    """A resource that answered an error is the business of the test; a policy that was broken is not."""
    return kind == "error" and "Failed to load resource" not in text
