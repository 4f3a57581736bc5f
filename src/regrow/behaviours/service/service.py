"""The class `Service` and its decorators. `regrow.service` is the page of the concept."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, ClassVar, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from regrow.behaviours.gen import child_spec as specs
from regrow.behaviours.gen.child_spec import ChildSpec
from regrow.behaviours.gen.debug import DebugOptions
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
from regrow.kernel.addresses import Name, Target
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import seconds
from regrow.kernel.exits import display_name
from regrow.kernel.process_record import Pid
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
    """The decorator that `call(timeout=…)` returns."""

    @overload
    def __call__(self, method: Callable[Concatenate[S, P], Coroutine[Any, Any, Later[R]]], /) -> CallMethod[P, R]: ...
    @overload
    def __call__(self, method: Callable[Concatenate[S, P], Later[R]], /) -> CallMethod[P, R]: ...
    @overload
    def __call__(self, method: Callable[Concatenate[S, P], Coroutine[Any, Any, R]], /) -> CallMethod[P, R]: ...
    @overload
    def __call__(self, method: Callable[Concatenate[S, P], R], /) -> CallMethod[P, R]: ...


class Infos(Protocol[M_co]):
    """The decorator that `info(kind)` returns. It marks the method, and returns it."""

    def __call__(self, method: Callable[[S, M_co], T], /) -> Callable[[S, Any], T]:
        """Mark a method. For type checkers its message becomes Any, so that `info` may decorate it again."""
        ...


class Everys(Protocol):
    """The decorator that `every(seconds)` returns. It marks the method, and returns it."""

    def __call__(self, method: Callable[[S], T], /) -> Callable[[S], T]:
        """Mark a method, and return it."""
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
    """Make a method a call: `await queue.dequeue()` sends a request, and returns the value that the method returns.

    The method is `def` or `async def`. If it returns a `Later`, the caller waits until `Later.reply` is called. The
    semantics are those of `gen_server:call/3`.

    Args:
        method: the method.
        timeout: seconds that a caller waits; None waits for ever. `within` changes it for a single call.

    Raises:
        TypeError: this is no method, or has a decorator of this module already.
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
    """Make a method a cast: `queue.enqueue(3)` sends the request and returns None at once (`gen_server:cast/2`).

    The sender gets no answer, and no error if the service has ended or the method raises.

    Raises:
        TypeError: this is no method, or has a decorator of this module already.
    """
    return CastMethod[Any](method)


def info(kind: type[M], /) -> Infos[M]:
    """Make a method take the plain messages of a class: `@service.info(Down)` takes the message of a monitor.

    If several methods fit a message, the one for the nearest class takes it. A message that fits none goes to
    `handle_info`. A method may have several of these decorators.

    Args:
        kind: the class of the messages.

    Raises:
        TypeError: `kind` is no class, or the method does not take exactly one message.
    """
    if not isinstance(kind, type):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"@service.info: wanted a class of messages, as in @service.info(Down); got {safe_repr(kind)}")

    def mark(function: Any, /) -> Any:
        what = f"@service.info({kind.__name__})"
        check_unmarked(function, what)
        check_takes(function, 1, what, "a method of self and the message")
        setattr(function, INFO, (*getattr(function, INFO, ()), kind))
        return function

    return mark


def every(interval: float | timedelta, /) -> Everys:
    """Call a method again and again while its service runs, first after one interval.

    The times do not drift: the tenth call is ten intervals after the start. Times that pass while the method still runs
    are skipped, and not made up for.

    Args:
        interval: seconds, or a timedelta; more than 0.

    Raises:
        TypeError: `interval` is neither, or the method takes arguments.
        ValueError: `interval` is not more than 0 seconds.
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
    """A service together with the options of its start, as `Queue.named(…)` returns it."""

    def __init__(self, service: Callable[P, S], name: Name | None, timeout: Seconds, debug: DebugOptions) -> None:
        self.service = service
        self.options: dict[str, Any] = {"name": name, "timeout": timeout, "debug": debug}

    def __repr__(self) -> str:
        return f"{display_name(self.service)}.named({safe_repr(self.options['name'])})"

    async def start_link(self, *args: P.args, **kwargs: P.kwargs) -> S:
        """Start the service with these options, linked to this process; see `Service.start_link`."""
        return await _start(self.service, "start_link", args, kwargs, self.options)

    async def start(self, *args: P.args, **kwargs: P.kwargs) -> S:
        """Start the service with these options, without a link; see `Service.start`."""
        return await _start(self.service, "start", args, kwargs, self.options)

    def child_spec(self, *args: P.args, **kwargs: P.kwargs) -> ChildSpec:
        """Return the child spec of the service with these options; its id is the name. See `Service.child_spec`."""
        return _child(self.service, self.options["name"], args, kwargs, self.options)


class Service:
    """The base class of services: a GenServer with a method for each message.

    The object of your class lives in the server's process. `start_link` and `at` return a handle, which has the type of
    your class for type checkers, and sends a message for each method.

    Class options, as in `class Queue(Service, named=True, restart="transient")`:
        named: register each started service under its class; `Queue.at()` is then its handle.
        id, restart, shutdown, significant: values of the child spec (see `ChildSpec`).
    """

    __regrow_named__: ClassVar[bool] = False
    __regrow_spec__: ClassVar[dict[str, Any]] = {}
    __regrow_methods__: ClassVar[dict[str, Any]] = {}
    __regrow_address__: Any  # of a handle: with this attribute type checkers accept a handle as an address

    def __init_subclass__(cls, *, named: bool | None = None, **spec: Any) -> None:
        super().__init_subclass__()
        if named is not None:
            cls.__regrow_named__ = named
        cls.__regrow_spec__ = {**cls.__regrow_spec__, **specs.class_options(cls, spec, "named")}
        cls.__regrow_methods__ = check_class(cls)

    def __repr__(self) -> str:
        server = vars(self).get(SERVER)
        return f"<the inside of {type(self).__name__}{'' if server is None else f' {server.pid}'}>"

    # For callers

    @classmethod
    async def start_link(cls: Callable[P, S], *args: P.args, **kwargs: P.kwargs) -> S:
        """Start a service linked to this process, and wait until its `__init__` and `init` have returned.

        It takes the arguments of `__init__`. `named` adds a name and other options. The semantics are those of
        `gen_server:start_link/3`.

        Returns:
            A handle for the new process.

        Raises:
            AlreadyStarted: the name is taken.
            Ignored: `init` returned IGNORE.
            StartError: `__init__` or `init` raised, or `init` returned Stop or Error.
        """
        return await _start(cls, "start_link", args, kwargs, {})

    @classmethod
    async def start(cls: Callable[P, S], *args: P.args, **kwargs: P.kwargs) -> S:
        """Start a service without a link to this process; arguments and errors as for `start_link`."""
        return await _start(cls, "start", args, kwargs, {})

    @classmethod
    def named(
        cls: Callable[P, S], name: Name | None, *, timeout: Seconds = None, debug: DebugOptions = ()
    ) -> Named[P, S]:
        """Return the service with options for its start: `await Queue.named("queue").start_link([1, 2, 3])`.

        Args:
            name: a string, a class, `Global(key)`, `Via(registry, key)`, or None for no name.
            timeout: seconds that the start may take; None is any time.
            debug: debug options of `regrow.system`.
        """
        return Named(cls, name, timeout, debug)

    @classmethod
    def child_spec(cls: Callable[P, S], *args: P.args, **kwargs: P.kwargs) -> ChildSpec:
        """Return the child spec of this service: `start_link` with these arguments; its id is the class."""
        return _child(cls, None, args, kwargs, {})

    @classmethod
    def at(cls, address: Target | None = None) -> Self:
        """Return a handle of the service with this address.

        Args:
            address: a pid, a name, `Global`, `Via` or `(name, node)`. A name is looked up at each use, so that a handle
                for a name is valid across restarts. None stands for the class, if the service has `named=True`.

        Raises:
            TypeError: this is no address, or its process does not run this service.
        """
        if address is None:
            if not cls.__regrow_named__:
                raise TypeError(
                    f"{cls.__name__}.at: wanted an address. Without one, write class {cls.__name__}(Service, named=True)"
                )
            address = cls
        result: Self = handle(cls, check_address(cls, address))
        return result

    # For the service's own methods

    def then(self, what: float | timedelta | Continue | Hibernate | Stop[Any] | None) -> None:
        """Set what the server does after this message, as the `then` of a `GenServer`'s results does.

        A second call in the same message replaces the first.

        Args:
            what: seconds, after which `handle_info("timeout")` is called if no message came; `Continue(arg)`, which
                calls `handle_continue(arg)` before the next message; HIBERNATE; `Stop(reason)`, which ends the service;
                or None for nothing.

        Raises:
            TypeError: it is none of these.
            RuntimeError: the running process is not the service's.
        """
        server = _server_of(self, "then")
        if isinstance(what, Stop):
            if what.has_state or what.has_reply:
                raise TypeError(
                    f"then: wanted Stop(reason) alone: self is the state, and the method returns the reply. Got {what}"
                )
            server.dispatch.next = what
        else:
            try:
                server.dispatch.next = check_then(self, "then", what, what)
            except BadReturn:
                wanted = "a timeout of seconds ≥ 0, Continue(arg), HIBERNATE, Stop(reason) or None"
                raise TypeError(f"then: wanted {wanted}; got {safe_repr(what)}") from None

    def caller(self) -> Pid:
        """Return the pid of the caller whose call is being handled; for a plain asyncio task the node's guest pid.

        Raises:
            RuntimeError: no call is being handled, or the running process is not the service's.
        """
        server = _server_of(self, "caller")
        if server.dispatch.call is None:
            raise RuntimeError("caller: no call is being handled, and only a call has a caller")
        return server.dispatch.call.pid

    # Callbacks

    def init(self) -> Any:
        """Finish the start after `__init__`, before `start_link` returns; `def` or `async def`, for what must be awaited.

        Returns:
            None; or IGNORE, Stop(reason) or Error(reason), which end the start.
        """

    def handle_info(self, message: Any, /) -> Any:
        """Handle a message that no `@service.info` method takes. The default logs it."""
        unexpected_message(type(self), message)

    def handle_continue(self, arg: Any, /) -> Any:
        """Handle `self.then(Continue(arg))`. The default calls `arg`, such as `self.load`.

        Raises:
            RuntimeError: `arg` is not callable.
        """
        if callable(arg):
            return arg()
        name = type(self).__name__
        raise RuntimeError(f"{name} got Continue({safe_repr(arg)}), which it cannot call, and has no handle_continue")

    def terminate(self, reason: Any, /) -> Any:
        """Clean up. Called after `Stop`, an error or `stop`, and when the parent ends if this process traps exits."""

    def code_change(self, old_version: Any, extra: Any, /) -> Any:
        """Convert the attributes that an older version of the class set; return None, or `Ok(object)` to replace self."""
        raise NotImplementedError("code_change")

    def format_status(self, status: dict[str, Any], /) -> dict[str, Any]:
        """Return the status as `system.get_status` and crash reports show it; its state is a dict of self's attributes."""
        return status


def within(service: S, timeout: Seconds) -> S:
    """Return a handle for the same process whose calls have another timeout.

    For one call: `await within(queue, 30.0).dequeue()`.

    Args:
        service: a handle.
        timeout: seconds; None waits for ever.

    Raises:
        TypeError: `service` is no handle, or `timeout` no number of seconds.
        ValueError: `timeout` is negative.
    """
    if not is_handle(service):
        raise TypeError(f"within: wanted a handle, as start_link(…) or at(…) returns it; got {safe_repr(service)}")
    result: S = with_timeout(service, seconds(timeout, "within(timeout)"))
    return result


def _server_of(instance: Service, what: str) -> Server:
    server: Server | None = vars(instance).get(SERVER)
    if server is None or running().pid is not server.pid:
        raise RuntimeError(
            f"{what}: only a service's own methods may use it, while a message is handled; this is {instance!r}"
        )
    return server


async def _start(
    cls: Callable[..., S], how: str, args: tuple[Any, ...], kwargs: dict[str, Any], options: dict[str, Any]
) -> S:
    service: Any = cls
    if options.get("name") is None and service.__regrow_named__:
        options = {**options, "name": service}
    pid: Pid = await getattr(server_class(service), how)((args, kwargs), **options)
    result: S = handle(service, pid)
    return result


class ChildStart:
    """The start function in a child spec: it returns the pid, as supervisors need it, and is shown as `Queue.start_link`."""

    def __init__(self, service: Any, kwargs: dict[str, Any], options: dict[str, Any]) -> None:
        self.__self__ = service
        self.__name__ = "start_link"
        self.kwargs = kwargs
        self.options = options

    def __repr__(self) -> str:
        return f"{self.__self__.__name__}.start_link"

    async def __call__(self, *args: Any) -> Pid:
        """Start the service, linked to the supervisor."""
        service: Any = await _start(self.__self__, "start_link", args, self.kwargs, self.options)
        pid: Pid = service.__regrow_address__
        return pid


def _child(cls: Any, id: object, args: tuple[Any, ...], kwargs: dict[str, Any], options: dict[str, Any]) -> ChildSpec:
    spec: dict[str, Any] = {"id": cls if id is None else id, "modules": (cls,), **cls.__regrow_spec__}
    return ChildSpec(start=(ChildStart(cls, kwargs, options), args), **spec)
