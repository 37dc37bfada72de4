"""The whole stack on the local cloud, real devices that wait for people, and people in real browsers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from gatehouse.demo import stage as stages
from gatehouse.demo.run import Demo
from gatehouse.demo.scenes import SceneDevice
from gatehouse.demo.stage import Stage
from tests.local_cloud.conftest import settings_in

ADA, GRACE = "quality", "security"
WITHIN_MILLISECONDS = 20_000


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The demo's stage: a registered CA, its list, and two approvers."""
    demo = Demo(settings_in(tmp_path_factory.mktemp("approvers")), lambda _: None)
    try:
        yield demo.set_up()
    finally:
        demo.close()


class People:
    """Everybody with a browser of their own."""

    def __init__(self, browser: Browser, stage: Stage) -> None:
        self._browser = browser
        self._stage = stage
        self._open: list[BrowserContext] = []
        self.wrong: list[str] = []

    @property
    def inbox(self) -> str:
        return f"{self._stage.target.output('ApprovalsUrl')}/approvals"

    def visit(self, group: str, address: str | None = None, **context: Any) -> Page:
        """Open `address` (the inbox unless given), and sign in on the provider's page, where it sends us."""
        usual: dict[str, Any] = {"viewport": {"width": 1200, "height": 900}}
        opened = self._browser.new_context(**{**usual, **context})
        self._open.append(opened)
        page = opened.new_page()
        page.set_default_timeout(WITHIN_MILLISECONDS)
        page.on("pageerror", lambda error: self.wrong.append(f"script error: {error}"))
        page.on(
            "console", lambda said: self.wrong.append(said.text) if "Content Security Policy" in said.text else None
        )
        page.goto(address or self.inbox)
        person = self._stage.people[group]
        page.fill("#username", person.email)
        page.fill("#password", person.password)
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator(".who")).to_contain_text(person.name)
        return page

    def close(self) -> None:
        for context in self._open:
            context.close()


@pytest.fixture
def people(browser: Browser, stage: Stage) -> Iterator[People]:
    made = People(browser, stage)
    yield made
    made.close()
    assert made.wrong == []


Waiting = Callable[[str], tuple[SceneDevice, str]]


@pytest.fixture
def waiting(stage: Stage) -> Waiting:
    """Has a device of that name knock; answers it and its request's id."""

    def knock(device: str) -> tuple[SceneDevice, str]:
        identity = stage.ca.issue(device)
        hashed = {"device": device, "certificate_sha256": identity.certificate_id}
        row = {**hashed, "product": "infusion-pump", "site": "Plant B"}
        stages.import_inventory(stage.target, [row], stage.folder / f"{device}.csv")
        door = SceneDevice(stage, identity, device, lambda _: None, lambda: False)
        door.knock_until_noticed()
        return door, door.approval(ADA)

    return knock
