"""Shows the demo live: a table on a terminal, one line for each step elsewhere."""

import threading
import time
from types import TracebackType

from rich.live import Live
from rich.table import Table
from rich.text import Text

from gatehouse.cli.output import console, plain, styled
from gatehouse.demo.results import Result
from gatehouse.demo.scenes import SCENES, Scene


class Show:
    """Shows steps from several threads. Use it as a context manager, which restores the terminal."""

    def __init__(self, scenes: tuple[Scene, ...]) -> None:
        self._console = console(stderr=True)
        self._steps = {scene.device: "" for scene in scenes}
        self._titles = {scene.device: scene.title for scene in scenes}
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._live = Live(self._table(), console=self._console, refresh_per_second=8, transient=True)

    def show_step(self, device: str, step: str) -> None:
        """Show the latest step of a device."""
        with self._lock:
            self._steps[device] = step
            if self._console.is_terminal:
                self._live.update(self._table())
            else:
                self._console.print(Text(f"{time.monotonic() - self._started:6.1f} s  {device:<14} {plain(step)}"))

    def __enter__(self) -> "Show":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def _table(self) -> Table:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for column in ("device", "", "now"):
            table.add_column(column)
        for device, step in self._steps.items():
            table.add_row(device, self._titles[device], styled(step))
        return table


def write_table(results: list[Result]) -> None:
    """Write the results on stdout."""
    titles = {scene.device: scene.title for scene in SCENES}
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("device", "outcome", "why", "certificate", "executions", "time"):
        table.add_column(column, overflow="fold", justify="right" if column in ("executions", "time") else "left")
    for result in results:
        table.add_row(
            Text(f"{result.device}\n{titles[result.device]}"),
            _outcome(result),
            plain(result.why),
            styled(result.certificate_status),
            str(result.executions),
            f"{result.seconds:.1f} s",
        )
    console().print(table)


def _outcome(result: Result) -> Text:
    if result.as_expected:
        return styled(result.outcome).append("\nas expected")
    return Text(f"{plain(result.outcome)}\nexpected: {result.expected}", style="bold red")
