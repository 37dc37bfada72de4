"""What changes the local cloud's engine fits the engine that is pinned, and two changes of one function do not undo each other."""

from types import ModuleType

import pytest

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.errors import EngineFailed


@pytest.fixture
def engine() -> ModuleType:
    module = ModuleType("engine")
    exec("def greet(name, *, polite=False):\n    return f'hello {name}'", module.__dict__)  # noqa: S102
    return module


def test_what_wraps_a_function_is_given_what_stood_there(engine: ModuleType) -> None:
    patch.wrap(engine, "greet", lambda original, name, **more: original(name.upper(), **more))
    patch.wrap(engine, "greet", lambda original, name, **more: f"{original(name, **more)}!")
    assert engine.greet("ada", polite=True) == "hello ADA!"


def test_a_function_that_the_engine_does_not_have_is_not_wrapped(engine: ModuleType) -> None:
    with pytest.raises(EngineFailed, match="engine has no function part"):
        patch.wrap(engine, "part", lambda original: original())


def test_a_wrapped_function_is_not_edited(engine: ModuleType) -> None:
    """Its text is the original's, so what wraps it would be lost."""
    patch.wrap(engine, "greet", lambda original, name: original(name))
    with pytest.raises(EngineFailed, match="wrapped before it is edited"):
        patch.edit(engine, "greet", ("hello", "good day"))
