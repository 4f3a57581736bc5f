# Wrong calls, which checkers forbid, are what is tested.
# pyright: reportArgumentType=false, reportCallIssue=false
"""Functions as jobs: `@job`."""

from __future__ import annotations

import functools
import inspect
import pickle
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from regrow import process
from regrow.queue import Broker, Enqueued, JobFunction, Memory, PayloadError, SQLite, current, job
from regrow.servers.queue.ops import Put
from regrow.servers.queue.workspec import spec_of
from tests.servers.queue.fake_writer import NAME, start_writer
from tests.servers.queue.payload_classes import Email, Model

pytestmark = pytest.mark.regrow

SEEN: list[Any] = []


@job
def resize(path: str, width: int = 800) -> str:
    """Resize a picture."""
    SEEN.append((path, width, current().payload))
    return f"{path} {width}"


@job(name="send", attempts=3, timeout=30.0, concurrency=2, broker=NAME)
async def send(to: Email, /, at: datetime, *, model: Model | None = None, note: Any = None) -> int:
    SEEN.append((to, at, model, note))
    return 1


def untyped(what, times=1):  # type: ignore[no-untyped-def] # noqa: ANN001 # pyright: ignore[reportMissingParameterType, reportUnknownParameterType]
    SEEN.append((what, times))


plain: Any = job(name="plain")(cast("Any", untyped))
wrong_resize: Any = resize
wrong_send: Any = send
NOW = datetime(2030, 1, 1, tzinfo=UTC)


class TestTheFunction:
    def test_it_is_still_that_function(self) -> None:
        assert (resize.__name__, resize.__doc__, resize.__module__) == ("resize", "Resize a picture.", __name__)
        assert str(inspect.signature(resize)) == "(path: 'str', width: 'int' = 800) -> 'str'"
        assert repr(resize) == "<the job function resize(path: 'str', width: 'int' = 800) -> 'str'>"
        assert resize.queue.name == "resize"

    async def test_a_call_runs_it_here_and_now(self) -> None:
        assert await send(Email("a", "b"), NOW) == 1
        with pytest.raises(LookupError):
            resize("cat.png")

    def test_it_is_pickled_by_its_name(self) -> None:
        found = pickle.loads(pickle.dumps(resize))
        assert isinstance(found, JobFunction)
        assert found is resize

    def test_its_options_are_those_of_its_queue_and_work(self) -> None:
        spec = spec_of(send, "b")
        assert (spec.name, spec.settings.attempts, spec.timeout, spec.concurrency) == ("send", 3, 30.0, 2)
        assert [spec.threaded, spec_of(resize, "b").threaded] == [False, True]


class TestPut:
    async def test_the_payload_has_the_arguments_by_their_names_without_defaults(self) -> None:
        asked = await start_writer()
        await send.put(Email("a", "b"), NOW, model=Model(x=1))
        await send.options(delay=60.0, group="g").put(Email("a", "b"), at=NOW)
        assert await send.offer(Email("a", "b"), NOW, note=[1]) == Enqueued(3)
        put, grouped, offered = [op.jobs[0] for op in asked if isinstance(op, Put)]
        email = b'"to":{"to":"a","text":"b"},"at":"2030-01-01T00:00:00Z"'
        assert put.payload == b"{" + email + b',"model":{"x":1,"note":null}}'
        assert (grouped.payload, grouped.delay, grouped.group) == (b"{" + email + b"}", 60.0, "g")
        assert offered.payload == b"{" + email + b',"note":[1]}'
        assert put.max_attempts == 3

    @pytest.mark.parametrize(
        ("call", "error", "why"),
        [
            (wrong_resize.put, TypeError, r"put a call of resize\(path.*missing a required argument: 'path'"),
            (lambda: wrong_resize.put("a", height=3), TypeError, "unexpected keyword argument 'height'"),
            (lambda: wrong_resize.put("a", 1, 2), TypeError, "too many positional"),
            (lambda: wrong_send.put(to=1, at=NOW), TypeError, "positional.only|missing a required"),
            (lambda: wrong_resize.put(1), PayloadError, "parameter 'path': wanted str, got int"),
            (lambda: wrong_resize.put("a", width="b"), PayloadError, "parameter 'width': wanted int, got str"),
            (lambda: wrong_send.offer(Model(x=1), NOW), PayloadError, "parameter 'to': wanted Email, got Model"),
            (lambda: plain.put((1, 2)), PayloadError, "parameter 'what': .*a tuple would come back as a list"),
            (lambda: wrong_resize.put_in(None, 3), PayloadError, "parameter 'path'"),
        ],
    )
    async def test_a_wrong_argument_is_refused_in_the_caller(
        self, call: Callable[[], Any], error: type[Exception], why: str
    ) -> None:
        with pytest.raises(error, match=why):
            await call()

    def test_a_wrong_option_is_refused_before_the_put(self) -> None:
        wrong: Any = {"dealy": 3}
        with pytest.raises(TypeError, match="did you mean delay"):
            resize.options(**wrong)

    async def test_a_call_is_put_in_the_callers_transaction(self, tmp_path: Path) -> None:
        await Broker.start_link(SQLite(tmp_path / "app.db", shared=True, thread=False))
        connection = sqlite3.connect(tmp_path / "app.db")
        with connection:
            resize.put_in(connection, "a", width=3)
            resize.options(priority=-1).put_in(connection, "b")
        connection.close()
        assert await resize.queue.peek(2) == [{"path": "b"}, {"path": "a", "width": 3}]


class TestPerforming:
    async def test_the_arguments_come_converted_and_defaults_are_those_of_now(self) -> None:
        SEEN.clear()
        await Broker.start_link(Memory(), workers=[resize, send, plain])
        here = send.queue.at(None)
        await here.put({"to": Email("a", "b"), "at": NOW, "model": Model(x=1)})
        await resize.put("cat.png")
        await plain.put([1], times=2)
        for queue in (here, resize.queue, plain.queue):
            while await queue.size():
                await process.sleep(1.0)
        assert len(SEEN) == 3
        assert (Email("a", "b"), NOW, Model(x=1), None) in SEEN
        assert ("cat.png", 800, {"path": "cat.png"}) in SEEN
        assert ([1], 2) in SEEN

    async def test_a_call_that_the_function_no_longer_has_is_buried(self) -> None:
        @job(name="resize")
        def before(file: str) -> None: ...

        await Broker.start_link(Memory())
        await before.put("a")
        await resize.put("b", width=1)
        assert [one.payload for one in await resize.queue.get_many(2)] == [{"path": "b", "width": 1}]
        (dead,) = await resize.queue.dead_letters()
        assert dead.errors[0].kind == "PayloadError"
        assert "the function's parameter 'path' has no argument" in dead.errors[0].message


def positional_free(a: int, b: int = 2) -> None: ...


def positional(*args: int) -> None: ...


def keywords(**options: int) -> None: ...


def generator() -> Any:
    yield 1


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("function", "why"),
        [
            (positional, r"@job: positional has \*args"),
            (keywords, r"@job: keywords has \*\*options"),
            (generator, "@job: generator contains `yield`"),
            (lambda: None, r"has no name for its queue. Give it one: job\(name=…\)"),
            (functools.partial(positional_free, 1), "has no name for its queue"),
            (int, "wanted a function, got .*derive a class from Worker"),
            (3, "wanted a function, got 3"),
            (max, "no signature found"),
            (resize, "is one already"),
        ],
        ids=["*args", "**kwargs", "generator", "lambda", "partial", "class", "int", "builtin", "job"],
    )
    def test_at_decoration(self, function: Any, why: str) -> None:
        with pytest.raises(TypeError, match=why):
            job(function)

    def test_a_method(self) -> None:
        with pytest.raises(TypeError, match=r"Mailer\.send is a method, and its self is not in the payload"):

            class Mailer:  # pyright: ignore[reportUnusedClass]
                @job
                def send(self, to: str) -> None: ...

    def test_an_unknown_option(self) -> None:
        wrong: Any = {"retries": 3}
        with pytest.raises(TypeError, match="unknown option 'retries'"):
            job(**wrong)(positional_free)

    def test_an_annotation_that_cannot_be_found(self) -> None:
        class Local: ...

        def function(one: Local) -> None: ...

        with pytest.raises(TypeError, match="a payload type cannot be found: name 'Local' is not defined"):
            spec_of(job(function), "b")

    def test_functions_without_a_name_are_fine_with_one(self) -> None:
        assert job(name="one")(lambda: None).queue.name == "one"
        assert job(name="two")(functools.partial(positional_free, 1)).queue.name == "two"

    def test_static_and_nested_functions_are_fine(self) -> None:
        class Group:
            @staticmethod
            @job
            def nested(a: int) -> int:
                return a

        assert Group.nested(3) == 3
        assert Group.nested.queue.name.endswith("Group.nested")
