"""The configuration of logging."""

from __future__ import annotations

import io
import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from regrow import (
    Supervisor,
    application,
    cast,
    process,
)
from regrow.kernel.report import Report
from regrow.ops.logs import Formatter, configure
from tests.ops.logs.crashing import App

pytestmark = pytest.mark.regrow


@contextmanager
def unconfigured() -> Generator[logging.Logger, None, None]:
    """Run without configured logging. This is no fixture, since pytest adds its handlers after fixtures."""
    root = logging.getLogger()
    level, handlers, root.handlers = root.level, root.handlers, []
    try:
        yield root
    finally:
        root.handlers = handlers
        root.setLevel(level)


class TestConfigure:
    """The log lines that `regrow run` shows."""

    async def shown(self, **options: Any) -> list[str]:
        """Return the first log lines of a tree that starts, crashes and gives up."""
        stream = io.StringIO()
        with unconfigured():
            assert configure(stream=stream, **options) is not None
            await application.start(App)
            ((_, pid, _, _),) = await Supervisor.which_children("app.sup")
            cast(pid, "boom")
            await process.sleep(0.1)
            logging.getLogger("mine").info("hello %s", "you")
        assert "\x1b" not in stream.getvalue()
        return [line for line in stream.getvalue().split("\n") if "] " in line[:25]]

    async def test_by_default_failures_are_logged(self) -> None:
        assert [line[13:] for line in await self.shown()] == [
            "[error] GenServer <0.5.0> (Fragile) terminating",
            "[error] Child Fragile of Supervisor app.sup caused shutdown",
            "[error] Application App raised in stop, and still ends",
            "[info] Application App exited: shutdown",
            "[info] hello you",
        ]

    async def test_with_reports_everything_is_logged(self) -> None:
        assert [line[13:] for line in await self.shown(reports=True)] == [
            "[info] Child Fragile of Supervisor app.sup started",
            "[info] Application App started at nonode@nohost",
            "[error] GenServer <0.5.0> (Fragile) terminating",
            "[error] Process <0.5.0> terminating",
            "[error] Child Fragile of Supervisor app.sup terminated",
            "[error] Child Fragile of Supervisor app.sup caused shutdown",
            "[error] Application App raised in stop, and still ends",
            "[info] Application App exited: shutdown",
            "[info] hello you",
        ]

    async def test_the_level_is_applied(self) -> None:
        assert all("[error]" in line for line in await self.shown(level="error"))

    def test_an_unknown_level_is_refused(self) -> None:
        with pytest.raises(ValueError, match="wanted one of debug, info, warning, error, critical; got 'loud'"):
            configure("loud")

    def test_configured_logging_is_not_changed(self) -> None:
        mine = logging.NullHandler()
        with unconfigured() as root:
            root.addHandler(mine)
            assert configure() is None
            assert root.handlers == [mine]


class TestFormatter:
    def record(self, message: object, *args: object, level: int = logging.ERROR) -> logging.LogRecord:
        return logging.LogRecord("mine", level, __file__, 1, message, args, None)

    def test_a_plain_record_has_its_traceback(self) -> None:
        record = self.record("hello %s", "you", level=logging.INFO)
        record.created, record.msecs = 1_000_000_000.042, 42.0
        assert Formatter().format(record)[8:] == ".042 [info] hello you"
        try:
            raise ValueError("no")
        except ValueError as error:
            record.exc_info = (ValueError, error, error.__traceback__)
        assert Formatter().format(record).endswith("ValueError: no")

    def test_a_terminal_has_colours(self) -> None:
        shown = Formatter(colors=True).format(self.record("hello"))
        assert shown.startswith("\x1b[31m")
        assert shown.endswith("\x1b[0m")

    def test_the_record_is_not_changed_for_the_next_handler(self) -> None:
        report = Report("something", who="me")
        record = self.record(report)
        Formatter().format(record)
        assert record.msg is report
        assert record.getMessage() == "something: who 'me'"
