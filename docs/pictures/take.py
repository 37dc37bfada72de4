"""Take the documents' pictures of the console: a local cloud, real devices, headless Chromium.

    python docs/pictures/take.py [DIRECTORY]

Writes `PICTURES` as ``<name>-<theme>.png`` into DIRECTORY (default: this folder).
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from gatehouse.admission import admissions
from gatehouse.console.server import Console
from gatehouse.demo.run import Demo
from gatehouse.demo.scenes import Door
from gatehouse.demo.stage import Stage
from gatehouse.local_cloud.settings import LocalCloudSettings

PICTURES = (
    ("fleet", "light"),
    ("waiting", "light"),
    ("waiting", "dark"),
    ("failed", "light"),
    ("admitted", "light"),
    ("approvals", "light"),
    ("lists", "light"),
)
SIZE = {"width": 1440, "height": 1000}
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")


@contextmanager
def played() -> Iterator[Stage]:
    """A cloud in which one device waits for a second person, one was rolled back, and others ended in every way."""
    with tempfile.TemporaryDirectory(prefix="gatehouse-pictures-") as home:
        demo = Demo(LocalCloudSettings(home=Path(home)), _say)
        try:
            stage = demo.set_up()
            for device in ("pump-0001", "sensor-0003", "stranger-0004", "sensor-0005"):
                _door(stage, device).knock_until_noticed()
            for device in ("pump-0001", "sensor-0003", "stranger-0004", "sensor-0005"):
                _door(stage, device).wait_until_closed()
            _let_one_person_agree(_door(stage, "pump-0042"))
            _change_the_policy_behind_our_back(stage)
            failing = _door(stage, "gateway-0006", "gateway-0006 first")
            failing.knock_until_noticed()
            failing.wait_until_closed()
            yield stage
        finally:
            demo.close()


def take(stage: Stage, folder: Path) -> None:
    """All pictures."""
    arns = {name: _execution(stage, name) for name in ("pump-0042", "gateway-0006 first", "pump-0001")}
    views = {
        "fleet": "#/admissions",
        "waiting": f"#/execution/{arns['pump-0042']}",
        "failed": f"#/execution/{arns['gateway-0006 first']}",
        "admitted": f"#/execution/{arns['pump-0001']}",
        "approvals": "#/approvals",
        "lists": "#/lists",
    }
    with Console(stage.target) as console, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for name, theme in PICTURES:
            page = _page(browser, theme)
            page.goto(console.link)
            page.goto(f"{console.link.split('?')[0]}{views[name]}")
            page.get_by_text("Live", exact=True).wait_for()
            page.locator("main table").first.wait_for()
            page.wait_for_timeout(1500)  # until the counts in the bar are there, too
            page.screenshot(path=folder / f"{name}-{theme}.png")
            page.close()
            _say(f"{name}-{theme}.png")
        browser.close()


def _page(browser: Browser, theme: str) -> Page:
    return browser.new_page(viewport=SIZE, color_scheme="dark" if theme == "dark" else "light")  # type: ignore[arg-type]


def _door(stage: Stage, device: str, identity: str | None = None) -> Door:
    return Door(
        stage, stage.identities[identity or device], device, lambda step: _say(f"{device}: {step}"), lambda: False
    )


def _let_one_person_agree(door: Door) -> None:
    door.knock_until_noticed()
    door.vote(door.approval("quality"), "quality", "approve", "Delivered under PO 4711, checked at goods-in")


def _change_the_policy_behind_our_back(stage: Stage) -> None:
    """What Attach policy then finds is not what the profile says: refused, caught, rolled back."""
    iot = stage.target.client("iot")
    for policy in iot.list_policies()["policies"]:
        document = json.loads(iot.get_policy(policyName=policy["policyName"])["policyDocument"])
        document["Statement"] = document["Statement"][:1]
        iot.create_policy_version(
            policyName=policy["policyName"], policyDocument=json.dumps(document), setAsDefault=True
        )


def _execution(stage: Stage, identity: str) -> str:
    found = admissions.by_certificate(stage.target, stage.identities[identity].certificate_id)
    if found is None:
        raise SystemExit(f"{identity} was never noticed.")
    return found.execution_arn


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")


if __name__ == "__main__":
    if not shutil.which(CHROMIUM):
        raise SystemExit(f"{CHROMIUM} is not there: install Debian's chromium, or name another with CHROMIUM=.")
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    place.mkdir(parents=True, exist_ok=True)
    with played() as stage:
        take(stage, place)
