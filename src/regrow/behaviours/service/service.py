"""The class `Service` and its decorators. `regrow.service` is the page of the concept."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, ClassVar, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from regrow.behaviours.gen import child_spec as specs
from regrow.behaviours.gen.child_spec import ChildSpec
from regrow.behaviours.gen.reports import unexpected_message
from regrow.behaviours.gen.results import BadReturn, Continue, Hibernate, Stop, check_then
from regrow.behaviours.service.class_checks import check_class
from regrow.behaviours.service.handle import check_address, handle, is_handle, with_timeout
from regrow.behaviours.service.methods import (
    EVERY,
    INFO,
    SERVER,
    CallMethod,
    CastMethod,
    Later,
    check_takes,
    check_unmarked,
    interval_seconds,
)
from regrow.behaviours.service.server import Server, server_class
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import seconds
from regrow.kernel.exits import display_name
from regrow.kernel.pid import Pid
from regrow.kernel.running import running

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
M = TypeVar("M")
M_co = TypeVar("M_co", covariant=True)
T = TypeVar("T")
Seconds = float | timedelta | None


# Decorators


class Calls(Protocol):
    """What `call(timeout=…)` gives: the decorator."""

    @overload
    def __call__(self, method: Callable[Concatenate[S, P], Coroutine[Any, Any, Later[R]]], /) -> CallMethod[P, R]: ...
    @overload
    def __call__(self, method: Callable[Concatenate[S, P], Later[R]], /) -> CallMethod[P, R]: ...
    @overload
    def __call__(self, method: Callable[Concatenate[S, P], Coroutine[Any, Any, R]], /) -> CallMethod[P, R]: ...
    @overload
    def __call__(self, method: Callable[Concatenate[S, P], R], /) -> CallMethod[P, R]: ...


class Infos(Protocol[M_co]):
    """What `info(kind)` gives: the decorator, which leaves the method as it is."""

    def __call__(self, method: Callable[[S, M_co], T], /) -> Callable[[S, Any], T]:
        """Decorate a method. Its message becomes Any, so that one for several classes may have several decorators."""
        ...


class Everys(Protocol):
    """What `every(seconds)` gives: the decorator, which leaves the method as it is."""

    def __call__(self, method: Callable[[S], T], /) -> Callable[[S], T]:
        """Decorate a method."""
        ...


@overload
def call(method: Callable[Concatenate[S, P], Coroutine[Any, Any, Later[R]]], /) -> CallMethod[P, R]: ...
@overload
def call(method: Callable[Concatenate[S, P], Later[R]], /) -> CallMethod[P, R]: ...
@overload
def call(method: Callable[Concatenate[S, P], Coroutine[Any, Any, R]], /) -> CallMethod[P, R]: ...
@overload
def call(method: Callable[Concatenate[S, P], R], /) -> CallMethod[P, R]: ...
@overload
def call(*, timeout: Seconds) -> Calls: ...
def call(method: Any = None, /, *, timeout: Seconds = 5.0) -> Any:
    """Make a method a call: `await queue.dequeue()` asks, and waits for what the method returns.

    The method is `def` or `async def`. One that returns a `Later` lets its caller wait until somebody answers.

    Args:
        method: the method.
        timeout: seconds that a caller waits; None waits for ever. See `within` for a single call.

    Raises:
        TypeError: this is no method, or is decorated already.
        ValueError: a negative timeout.
    """
    limit = seconds(timeout, "@service.call(timeout=)")

    def make(function: Any, /) -> Any:
        return CallMethod[Any, Any](function, limit)

    return make if method is None else make(method)


@overload
def cast(method: Callable[Concatenate[S, P], Coroutine[Any, Any, None]], /) -> CastMethod[P]: ...
@overload
def cast(method: Callable[Concatenate[S, P], None], /) -> CastMethod[P]: ...
def cast(method: Any, /) -> Any:
    """Make a method a cast: `queue.enqueue(3)` sends and returns at once; nobody hears what becomes of it.

    Raises:
        TypeError: this is no method, or is decorated already.
    """
    return CastMethod[Any](method)


def info(kind: type[M], /) -> Infos[M]:
    """Let a method take the plain messages of a class: `@service.info(Down)` for what a monitor tells.

    Of several that fit a message, the one for the nearest class takes it. What fits none goes to `handle_info`. A
    method may have several of these decorators.

    Raises:
        TypeError: this is no class, or the method does not take one message.
    """
    if not isinstance(kind, type):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(
            f"@service.info: it wants a class of messages, such as @service.info(Down); got {safe_repr(kind)}"
        )

    def mark(function: Any, /) -> Any:
        what = f"@service.info({kind.__name__})"
        check_unmarked(function, what)
        check_takes(function, 1, what, "a method of self and the message")
        setattr(function, INFO, (*getattr(function, INFO, ()), kind))
        return function

    return mark


def every(interval: float | timedelta, /) -> Everys:
    """Let a method be called every so many seconds while its service runs, the first time after that long.

    It does not drift: the tenth time is ten intervals after the start. While one call of it lasts the next ones are
    left out, never made up for.

    Raises:
        TypeError: this is no number of seconds, or the method wants arguments.
        ValueError: not more than 0 seconds.
    """
    wait = interval_seconds(interval)

    def mark(function: Any, /) -> Any:
        what = f"@service.every({interval})"
        check_unmarked(function, what)
        check_takes(function, 0, what, "a method of self alone")
        setattr(function, EVERY, wait)
        return function

    return mark


# Services


class Named(Generic[P, S]):
    """A service with the options of its start: what `Queue.named(…)` gives."""

    def __init__(self, service: Callable[P, S], name: object, timeout: Seconds, debug: object) -> None:
        self.service = service
        self.options: dict[str, Any] = {"name": name, "timeout": timeout, "debug": debug}

    def __repr__(self) -> str:
        return f"{display_name(self.service)}.named({safe_repr(self.options['name'])})"

    async def start_link(self, *args: P.args, **kwargs: P.kwargs) -> S:
        """As `Service.start_link`."""
        return await _started(self.service, "start_link", args, kwargs, self.options)

    async def start(self, *args: P.args, **kwargs: P.kwargs) -> S:
        """As `Service.start`."""
        return await _started(self.service, "start", args, kwargs, self.options)

    def child_spec(self, *args: P.args, **kwargs: P.kwargs) -> ChildSpec:
        """As `Service.child_spec`, under the name as id."""
        return _child(self.service, self.options["name"], args, kwargs, self.options)


class Service:
    """The base of all services. What you define is inside; what you hold is a handle, which looks the same to checkers.

    Class options, as in `class Queue(Service, named=True, restart="transient")`:
        named: register every started service under its class; `Queue.at()` is then its handle.
        id, restart, shutdown, significant: of the child spec (see `ChildSpec`).
    """

    __regrow_named__: ClassVar[bool] = False
    __regrow_spec__: ClassVar[dict[str, Any]] = {}
    __regrow_methods__: ClassVar[dict[str, Any]] = {}
    __regrow_address__: Any  # of a handle: so checkers take it where they take an address

    def __init_subclass__(cls, *, named: bool | None = None, **spec: Any) -> None:
        super().__init_subclass__()
        if named is not None:
            cls.__regrow_named__ = named
        cls.__regrow_spec__ = {**cls.__regrow_spec__, **specs.class_options(cls, spec, "named")}
        cls.__regrow_methods__ = check_class(cls)

    def __repr__(self) -> str:
        server = vars(self).get(SERVER)
        return f"<the inside of {type(self).__name__}{'' if server is None else f' {server.pid}'}>"

    # Outside

    @classmethod
    async def start_link(cls: Callable[P, S], *args: P.args, **kwargs: P.kwargs) -> S:
        """Start a service linked to this process, and wait until its `__init__` and its `init` are done.

        Takes exactly what `__init__` takes. For a name and other options see `named`.

        Returns:
            A handle, for this one process.

        Raises:
            AlreadyStarted: the name is taken.
            Ignored: its `init` returned IGNORE.
            StartError: its `__init__` or `init` raised, or `init` returned Stop or Error.
        """
        return await _started(cls, "start_link", args, kwargs, {})

    @classmethod
    async def start(cls: Callable[P, S], *args: P.args, **kwargs: P.kwargs) -> S:
        """The same, without a link."""
        return await _started(cls, "start", args, kwargs, {})

    @classmethod
    def named(cls: Callable[P, S], name: object, *, timeout: Seconds = None, debug: object = ()) -> Named[P, S]:
        """The same service with options: `await Queue.named("queue").start_link([1, 2, 3])`.

        Args:
            name: a string, a class, `Global(key)`, `Via(registry, key)`, or None for no name.
            timeout: seconds that the start may take.
            debug: debug options of `regrow.system`.
        """
        return Named(cls, name, timeout, debug)

    @classmethod
    def child_spec(cls: Callable[P, S], *args: P.args, **kwargs: P.kwargs) -> ChildSpec:
        """How a supervisor starts this service: by `start_link` with these arguments, under the class as id."""
        return _child(cls, None, args, kwargs, {})

    @classmethod
    def at(cls, address: Any = None) -> Self:
        """A handle of the service that has this address.

        Args:
            address: a pid, a name, `Global`, `Via` or `(name, node)`. One for a name is for whoever has the name when
                it is used, and so survives restarts. None: the class, for services with `named=True`.

        Raises:
            TypeError: this is no address, or a process that is no service of this class.
        """
        if address is None:
            if not cls.__regrow_named__:
                raise TypeError(
                    f"{cls.__name__}.at: wanted an address. Without one it takes class {cls.__name__}(Service, named=True)"
                )
            address = cls
        made: Self = handle(cls, check_address(cls, address))
        return made

    # Inside

    def then(self, what: float | timedelta | Continue | Hibernate | Stop[Any] | None) -> None:
        """Say what comes after the message that is being handled. Said again, the last word counts.

        Args:
            what: seconds, after which `handle_info("timeout")` is called if nothing came; `Continue(arg)`, which calls
                `handle_continue(arg)` before anything else; HIBERNATE; or `Stop(reason)`, which ends the service.

        Raises:
            TypeError: it is none of these.
            RuntimeError: this process is not the service's own.
        """
        server = _server_of(self, "then")
        if isinstance(what, Stop):
            if what.has_state or what.has_reply:
                raise TypeError(
                    f"then: wanted Stop(reason); self is the state, and the method returns the reply. Got {what}"
                )
            server.desk.next = what
        else:
            try:
                server.desk.next = check_then(self, "then", what, what)
            except BadReturn:
                wanted = "a timeout of seconds ≥ 0, Continue(arg), HIBERNATE, Stop(reason) or None"
                raise TypeError(f"then: wanted {wanted}; got {safe_repr(what)}") from None

    def caller(self) -> Pid:
        """Who asked what is being handled. A plain asyncio task asks as its node's guest.

        Raises:
            RuntimeError: no call is being handled, or this process is not the service's own.
        """
        server = _server_of(self, "caller")
        if server.desk.asker is None:
            raise RuntimeError("caller: no call is being handled, and only a call says who sent it")
        return server.desk.asker.pid

    # Callbacks

    def init(self) -> Any:
        """Do what has to be awaited, after `__init__` and before the service is up; `def` or `async def`.

        Returns:
            Nothing; or IGNORE, Stop(reason) or Error(reason), if it is not to run.
        """

    def handle_info(self, message: Any, /) -> Any:
        """Take a message that no `@service.info` takes. Without one of its own a service logs it and goes on."""
        unexpected_message(type(self), message)

    def handle_continue(self, arg: Any, /) -> Any:
        """Go on after `self.then(Continue(arg))`. Without one of its own a service calls `arg`, such as `self.load`.

        Raises:
            RuntimeError: it cannot be called.
        """
        if callable(arg):
            return arg()
        name = type(self).__name__
        raise RuntimeError(f"{name} was told to continue with {safe_repr(arg)} but no handle_continue was provided")

    def terminate(self, reason: Any, /) -> Any:
        """Clean up. Called after `Stop`, an error and `stop`, and when the parent ends while this process traps exits."""

    def code_change(self, old_version: Any, extra: Any, /) -> Any:
        """Change what an older version has left in `self`; return nothing, or `Ok(object)` for another object."""
        raise NotImplementedError("code_change")

    def format_status(self, status: dict[str, Any], /) -> dict[str, Any]:
        """What `system.get_status` and crash reports show; the state is a dict of the object's attributes."""
        return status


def within(service: S, timeout: Seconds) -> S:
    """Make a handle for the same process whose calls wait longer, or less long.

    One call is then written `await within(queue, 30.0).dequeue()`.

    Args:
        service: a handle.
        timeout: seconds; None waits for ever.

    Raises:
        TypeError: this is no handle, or not seconds.
        ValueError: negative.
    """
    if not is_handle(service):
        raise TypeError(f"within: wanted a handle, as start_link(…) or at(…) gives it; got {safe_repr(service)}")
    made: S = with_timeout(service, seconds(timeout, "within(timeout)"))
    return made


def _server_of(instance: Service, what: str) -> Server:
    server: Server | None = vars(instance).get(SERVER)
    if server is None or running().pid is not server.pid:
        raise RuntimeError(
            f"{what}: it is for a service's own methods, while a message is handled; this is {instance!r}"
        )
    return server


async def _started(
    cls: Callable[..., S], how: str, args: tuple[Any, ...], kwargs: dict[str, Any], options: dict[str, Any]
) -> S:
    service: Any = cls
    if options.get("name") is None and service.__regrow_named__:
        options = {**options, "name": service}
    pid: Pid = await getattr(server_class(service), how)((args, kwargs), **options)
    made: S = handle(service, pid)
    return made


class ChildStart:
    """The start function of a child: gives the pid, as supervisors want it. Reports show it as `Queue.start_link`."""

    def __init__(self, service: Any, kwargs: dict[str, Any], options: dict[str, Any]) -> None:
        self.__self__ = service
        self.__name__ = "start_link"
        self.kwargs = kwargs
        self.options = options

    def __repr__(self) -> str:
        return f"{self.__self__.__name__}.start_link"

    async def __call__(self, *args: Any) -> Pid:
        """Start it."""
        started: Any = await _started(self.__self__, "start_link", args, self.kwargs, self.options)
        pid: Pid = started.__regrow_address__
        return pid


def _child(cls: Any, id: object, args: tuple[Any, ...], kwargs: dict[str, Any], options: dict[str, Any]) -> ChildSpec:
    spec: dict[str, Any] = {"id": cls if id is None else id, "modules": (cls,), **cls.__regrow_spec__}
    return ChildSpec(start=(ChildStart(cls, kwargs, options), args), **spec)
