"""Applications that the tests in this folder start."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from regrow import (
    Application,
    ChildSpec,
    Pid,
    Supervisor,
    application,
    process,
    send,
)
from regrow.behaviours.application.spec import ApplicationError
from tests.behaviours.probes import Probe


class Reporter(Application, env={"interval": 1.0}, description="reports to its test", version="1.2"):
    """Reports its callbacks to the test, its argument; one child, the probe "child"."""

    async def start(self, start_type: str, args: Any, /) -> Any:
        test, *rest = args
        send(test, ("start", start_type))
        match rest:
            case [BaseException() as error]:
                raise error
            case ["slowly"]:
                await process.sleep(1.0)
            case [value]:
                return value
            case _:
                pass
        spec = ChildSpec("child", (Probe.start_link, ({"id": "child", "to": test, "trap": True},)))
        named = ChildSpec("named", (start_named, (test,)))
        return await Supervisor.start_link([spec, named], max_restarts=0, name="reporter.sup"), test

    async def prep_stop(self, test: Any, /) -> Any:
        send(test, ("prep_stop", process.whereis("reporter.sup") is not None))
        return test

    def stop(self, test: Any, /) -> None:
        send(test, ("stop", process.whereis("reporter.sup") is not None))


async def start_named(test: Pid) -> Pid:
    return await Probe.start_link({"id": "named", "to": test}, name="named")


class Plain(Application):
    """An application with an empty tree."""

    async def start(self, _start_type: str, _args: Any, /) -> Any:
        return await Supervisor.start_link([])


def runs() -> list[type[Application]]:
    """Return the running applications, in the order of their starts."""
    return [app for app, _, _ in reversed(application.started_applications())]


def refused(function: Any, *args: Any) -> Any:
    """Return the reason with which a function of `application` fails."""
    with pytest.raises(ApplicationError) as caught:
        function(*args)
    return caught.value.reason


async def end(app: type[Application], reason: str = "kill") -> None:
    """End the top of an application's tree, and wait until the application has ended, too."""
    top = application.get_child(app)
    assert top is not None
    if reason == "kill":
        process.exit(top, "kill")
    else:
        await Supervisor.stop(top, reason)
    await application.wait_ended(app)


async def start(*rest: Any, app: type[Application] = Reporter, start_type: Any = "temporary") -> None:
    await application.start(app, start_type, (process.current(), *rest))


class Keeps(Application):
    """An application that reports what happens to it, and waits until it gets a request to end."""

    said: ClassVar[list[Any]] = []

    async def start(self, _start_type: str, _args: Any, /) -> Any:
        return await Supervisor.start_link([])

    def prep_stop(self, state: Any, /) -> Any:
        self.said.append((type(self).__name__, "prep_stop"))
        return state

    def stop(self, _state: Any, /) -> None:
        self.said.append((type(self).__name__, "stop"))


class First(Keeps):
    pass


class Last(Keeps):
    pass


STOPPED = [(name, callback) for name in ("Last", "First") for callback in ("prep_stop", "stop")]


class Base(Application):
    """A library application, which runs nothing."""


class Middle(Reporter, applications=[Base]):
    pass


class Top(Application, applications=[Middle, Base]):
    async def start(self, _start_type: str, _args: Any, /) -> Any:
        raise RuntimeError("no")


HERE = __name__
