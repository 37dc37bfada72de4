"""Take the documents' pictures of the approvers' pages: a local cloud, real devices, headless Chromium.

    python docs/pictures/take_approvals.py [DIRECTORY]

Writes inbox, request, phone, dark and receipt as ``people-<name>.png`` into DIRECTORY (default: this folder).
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from gatehouse.demo import stage as stages
from gatehouse.demo.run import Demo
from gatehouse.demo.scenes import Door
from gatehouse.demo.stage import Stage
from gatehouse.local_cloud.settings import LocalCloudSettings

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
DEVICES = ("pump-2041", "pump-2042", "pump-2043")
DESK: dict[str, Any] = {"viewport": {"width": 1200, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}


def knock(stage: Stage, device: str) -> str:
    """A pump that waits for people. Returns the id of its request."""
    door = Door(stage, stages.newcomer(stage, device), device, lambda _: None, lambda: False)
    door.knock_until_noticed()
    return door.approval("quality")


def signed_in(browser: Browser, stage: Stage, group: str, address: str, **context: Any) -> Page:
    """That page, once the provider has been told who it is."""
    page = browser.new_context(**context).new_page()
    page.goto(address)
    page.fill("#username", stage.people[group].email)
    page.fill("#password", stage.people[group].password)
    page.get_by_role("button", name="Sign in").click()
    page.locator(".who").wait_for()
    return page


def take(stage: Stage, folder: Path) -> None:
    """All pictures."""
    inbox = f"{stage.target.output('ApprovalsUrl')}/approvals"
    ids = [knock(stage, device) for device in DEVICES]
    request = f"{inbox}/{ids[1]}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        grace = signed_in(browser, stage, "security", request, **DESK)
        form = grace.locator("form").filter(has=grace.get_by_role("button", name="Approve and sign"))
        form.get_by_label("Approval: I have reviewed").check()
        form.get_by_label("Reason").fill("Serial number checked against the delivery note")
        form.get_by_role("button").click()
        grace.get_by_text("Your signature is recorded").wait_for()
        grace.screenshot(path=folder / "people-receipt.png")
        signed_in(browser, stage, "quality", inbox, **DESK).screenshot(path=folder / "people-inbox.png")
        for name, context in {"request": DESK, "dark": {**DESK, "color_scheme": "dark"}, "phone": PHONE}.items():
            page = signed_in(browser, stage, "quality", request, **context)
            page.screenshot(path=folder / f"people-{name}.png", full_page=name != "phone")
        browser.close()


if __name__ == "__main__":
    if not shutil.which(CHROMIUM):
        raise SystemExit(f"{CHROMIUM} is not there: install Debian's chromium, or name another with CHROMIUM=.")
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gatehouse-pictures-") as home:
        demo = Demo(LocalCloudSettings(home=Path(home)), lambda words: sys.stderr.write(f"{words}\n") and None)
        try:
            take(demo.set_up(), place)
        finally:
            demo.close()
