"""The stack that a command acts on, from the options before the command."""

import functools

import typer

from gatehouse.stack.target import Target


class Aim:
    """The options that name the stack. Nothing is contacted until a command asks for its target."""

    def __init__(self, *, local: bool | None, stack: str, region: str | None, profile: str | None) -> None:
        self.local = local
        self.stack = stack
        self.region = region
        self.profile = profile

    @functools.cached_property
    def target(self) -> Target:
        """The stack. Raises NotRunning if the local cloud does not run."""
        if self.region or self.profile:
            import boto3

            boto3.setup_default_session(region_name=self.region, profile_name=self.profile)
        return Target.resolve(self.local, self.stack)


def target(context: typer.Context) -> Target:
    """The stack that this command acts on."""
    aim: Aim = context.find_root().obj
    return aim.target
