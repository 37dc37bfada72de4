"""``gatehouse demo``: real devices connect to a local cloud, and each is admitted, refused or held."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from gatehouse.cli.output import Json, say, write_json
from gatehouse.stack.error_messages import NO

if TYPE_CHECKING:
    from gatehouse.demo.stage import Person
    from gatehouse.local_cloud.cloud import LocalCloudStatus


def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the cloud running, and print how to use it.")] = False,
    home: Annotated[Path | None, typer.Option(help="Directory of the local cloud. Default: .gatehouse.")] = None,
    json: Json = False,
) -> None:
    """Let real MQTT devices connect to a local AWS IoT Core, and show the outcome of each. Exit code 0 if all are as expected.

    Example: gatehouse demo --keep
    """
    from gatehouse.demo import show
    from gatehouse.demo.run import Demo
    from gatehouse.demo.scenes import SCENES
    from gatehouse.local_cloud.settings import LocalCloudSettings

    settings = LocalCloudSettings.from_environment()
    if home is not None:
        settings = msgspec.structs.replace(settings, home=home.resolve())
    run = Demo(settings, say)
    finished = False
    try:
        stage = run.set_up()
        with show.Show(SCENES) as progress:
            results = run.play(stage, progress.show_step)
        finished = True
    finally:
        if not (keep and finished):
            run.close()
    if json:
        write_json(results)
    else:
        show.write_table(results)
    if keep:
        waits = run.leave_one_waiting(stage)
        _say_how_to_look_around(run.cloud.status(), stage.people.values(), home, waits)
    if not all(result.as_expected for result in results):
        say("Not every device ended as expected.")
        raise typer.Exit(NO)


def _say_how_to_look_around(
    status: "LocalCloudStatus", people: "Iterable[Person]", home: Path | None, waits: str
) -> None:
    gatehouse = f"GATEHOUSE_HOME={home} gatehouse" if home else "gatehouse"
    say(f"The cloud keeps running: AWS at {status.endpoint}, MQTT at {status.mqtt_host}:{status.mqtt_port}.")
    say(f"The approvers' inbox: {status.outputs.get('ApprovalsUrl')}")
    for person in people:
        say(f"  {person.name} ({person.group}): {person.email}, password {person.password}")
    say(f"One more pump waits for both of them: {status.outputs.get('ApprovalsUrl')}/approvals/{waits}")
    say(f"Look around:  {gatehouse} --local admissions list")
    say(f"Stop it:      {gatehouse} down")
