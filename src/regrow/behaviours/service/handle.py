"""The handles of services: a handle has the service's messages as methods, and none of its state.

A handle is an address together with the messages that can be sent there. For type checkers and `isinstance` it is an
object of the service's class, but it shares no attribute with the object in the process.
"""

from __future__ import annotations

import inspect
from functools import partial
from inspect import Parameter
from types import CodeType
from typing import Any, ClassVar, NoReturn

from regrow.behaviours.gen_server.client import call, cast
from regrow.behaviours.service.methods import CallMethod, Method
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.exits import display_name
from regrow.kernel.names import Global, Via, is_name
from regrow.kernel.process_record import Pid

ADDRESS = "__regrow_address__"


class Handle:
    """The base class of handles; each service has its own subclass."""

    __slots__ = (ADDRESS,)
    __regrow_service__: ClassVar[type]
    __regrow_methods__: ClassVar[dict[str, Method]] = {}

    def __init__(self, address: object) -> None:
        object.__setattr__(self, ADDRESS, address)

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The service, so that `isinstance(handle, Queue)` holds."""
        return type(self).__regrow_service__

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}.at({display_name(address_of(self))})"

    def __eq__(self, other: object) -> bool:
        return is_handle(other) and bool(address_of(self) == address_of(other))

    def __hash__(self) -> int:
        return hash(address_of(self))

    def __copy__(self) -> Handle:
        return self

    def __deepcopy__(self, memo: object) -> Handle:
        return self

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(
            f"{self!r}.{name} = …: a handle has no attributes, the state is in the process. "
            f"Write a method with @service.cast that sets it"
        )


class TimeoutHandle(Handle):
    """A handle whose calls have its timeout, and not that of their decorators."""

    __slots__ = ("__regrow_timeout__",)

    def __init__(self, address: object, timeout: float | None) -> None:
        super().__init__(address)
        object.__setattr__(self, "__regrow_timeout__", timeout)


def address_of(handle: Any) -> Any:
    """Return the pid or name that a handle sends to."""
    return handle.__regrow_address__


def is_handle(value: object) -> bool:
    """Whether this is a handle. `isinstance` cannot decide this: a handle's `__class__` is the service."""
    return issubclass(type(value), Handle)


def class_attribute(handle: Handle, name: str) -> Any:
    """Return the attribute that a handle has under a name that is no message: a class or static method only.

    Raises:
        AttributeError: the attribute would be one of the object in the process.
    """
    cls = handle.__class__
    if isinstance(inspect.getattr_static(cls, name, None), classmethod | staticmethod):
        return getattr(cls, name)
    raise AttributeError(no_attribute(handle, name), name=name, obj=handle)


def no_attribute(handle: Handle, name: str) -> str:
    """Return the text of the error for reading state through a handle."""
    cls = handle.__class__
    messages = ", ".join(handle.__regrow_methods__) or "none"
    what = "is no message" if hasattr(cls, name) else "does not exist"
    return (
        f"{handle!r}.{name} {what}: this is a handle, and the state is in the process. Its messages: {messages}.\n"
        f"  To read the state, write a method with @service.call that returns it; regrow.system.get_state shows all of it"
    )


# Making handles


def check_address(cls: type, address: Any) -> Any:
    """Return the address for a handle of `cls`; of another handle, its address.

    Raises:
        TypeError: this is no address, or its process does not run the service.
    """
    if is_handle(address):
        address = address_of(address)
    if type(address) is Pid:
        check_service(cls, address)
    elif not (is_name(address) or isinstance(address, Global | Via) or is_remote_name(address)):
        raise TypeError(
            f"{cls.__name__}.at: wanted a pid, a name (a string or a class), Global, Via or (name, node); "
            f"got {safe_repr(address)}"
        )
    return address


def is_remote_name(address: Any) -> bool:
    """Whether this is (name, node)."""
    return isinstance(address, tuple) and len(address) == 2  # pyright: ignore[reportUnknownArgumentType]


def check_service(cls: type, pid: Pid) -> None:
    """Check that a process runs the service. A process that has ended is accepted: its calls raise NoProcess.

    Raises:
        TypeError: the process runs something else.
    """
    process = pid.process
    if process is None:
        return
    runs: Any = getattr(process.initial_call, "__regrow_service__", None)
    if isinstance(runs, type):
        if not issubclass(runs, cls):
            raise TypeError(f"{cls.__name__}.at: {pid} runs {runs.__name__}, which is no {cls.__name__}")
        return
    name = getattr(process.initial_call, "__qualname__", "") or safe_repr(process.initial_call)
    raise TypeError(f"{cls.__name__}.at: {pid} runs {name}, which is no service")


def handle_class(cls: Any) -> type[Handle]:
    """Return the class of a service's handles; the first use creates it."""
    kind: Any = cls.__dict__.get("__regrow_handle__")
    if kind is None:
        kind = cls.__regrow_handle__ = _make_handle_class(cls, Handle)
    result: type[Handle] = kind
    return result


def with_timeout(handle: Any, timeout: float | None) -> Any:
    """Return a handle for the same process whose calls wait for `timeout` seconds; None waits for ever."""
    cls = handle.__class__
    kind: Any = cls.__dict__.get("__regrow_timeout_handle__")
    if kind is None:
        kind = cls.__regrow_timeout_handle__ = _make_handle_class(cls, TimeoutHandle)
    return kind(address_of(handle), timeout)


def _make_handle_class(cls: Any, base: type[Handle]) -> Any:
    methods: dict[str, Method] = cls.__regrow_methods__
    # One property for each name, and no `__getattr__`: on a class that has one, Python's specialised look-up of methods
    # does not apply, and each call of the service takes a tenth longer.
    space: dict[str, Any] = {name: property(partial(class_attribute, name=name)) for name in names_inside(cls)}
    space |= {name: _sender(cls, name, method, base is TimeoutHandle) for name, method in methods.items()}
    space |= {"__slots__": (), "__regrow_service__": cls, "__regrow_methods__": methods}
    space |= {"__module__": cls.__module__, "__doc__": cls.__doc__}
    return type(f"{cls.__name__} handle", (base,), space)


def names_inside(cls: type) -> set[str]:
    """Return the names that an object of a class may have: those that it defines and those that its methods mention."""
    names = set(dir(cls))
    for base in cls.__mro__:
        for value in vars(base).values():
            code: object = getattr(getattr(value, "__wrapped__", value), "__code__", None)
            if isinstance(code, CodeType):
                names.update(code.co_names)
    return {name for name in names if not (name.startswith("__") and name.endswith("__"))}


def _sender(cls: type, name: str, method: Method, has_timeout: bool) -> Any:
    """Return a function with the method's parameters that builds the message and sends it.

    Its source is generated and compiled, as that of a dataclass's `__init__` is. Python then binds the arguments where
    the method is called, which is fast, and a wrong argument raises the usual TypeError there.
    """
    self_, *rest = method.signature.parameters.values()
    arguments = [f"*{p.name}" if p.kind is Parameter.VAR_POSITIONAL else p.name for p in method.parameters]
    message = f"({', '.join([repr(method.label), *arguments])},)"
    if isinstance(method, CallMethod):
        timeout = f"{self_.name}.__regrow_timeout__" if has_timeout else "regrow_timeout"
        expression = f"regrow_call({self_.name}.{ADDRESS}, {message}, {timeout})"
    else:
        expression = f"regrow_cast({self_.name}.{ADDRESS}, {message})"
    source = f"def {name}({_parameters(self_, rest)}):\n    return {expression}\n"
    space: dict[str, Any] = {"regrow_call": call, "regrow_cast": cast, "regrow_timeout": method.timeout}
    exec(compile(source, f"{__file__}:{method.label}", "exec"), space)  # noqa: S102
    function: Any = space[name]
    with_default = [p for p in (self_, *rest) if p.default is not p.empty]
    function.__defaults__ = tuple(p.default for p in with_default if p.kind is not p.KEYWORD_ONLY) or None
    function.__kwdefaults__ = {p.name: p.default for p in with_default if p.kind is p.KEYWORD_ONLY} or None
    function.__doc__ = method.function.__doc__
    function.__qualname__ = method.function.__qualname__
    function.__module__ = method.function.__module__
    return function


def _parameters(self_: Parameter, rest: list[Parameter]) -> str:
    """Return the parameters in the syntax of a `def`, without defaults and annotations."""
    return str(inspect.Signature([p.replace(annotation=p.empty, default=p.empty) for p in (self_, *rest)]))[1:-1]


def handle(cls: Any, address: object) -> Any:
    """Return a handle of the service `cls` for an address."""
    return handle_class(cls)(address)
