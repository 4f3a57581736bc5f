"""The outside of a service: a handle has its messages as methods, and nothing of its state.

A handle is an address that knows which messages are understood there. It passes for an object of the service's class,
so that checkers and `isinstance` take it for one, but it shares no attribute with it.
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
from regrow.kernel.pid import Pid

ADDRESS = "__regrow_address__"


class Handle:
    """What stands behind every handle; each service has a subclass of its own."""

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
    """One whose calls wait as long as its user says."""

    __slots__ = ("__regrow_timeout__",)

    def __init__(self, address: object, timeout: float | None) -> None:
        super().__init__(address)
        object.__setattr__(self, "__regrow_timeout__", timeout)


def address_of(handle: Any) -> Any:
    """The pid or name that a handle is for."""
    return handle.__regrow_address__


def is_handle(value: object) -> bool:
    """Whether this is a handle. `isinstance` would ask the class that it passes for."""
    return issubclass(type(value), Handle)


def class_attribute(handle: Handle, name: str) -> Any:
    """What somebody gets who reaches past the messages: what belongs to the class, but nothing of the object.

    Raises:
        AttributeError: it would be the object's.
    """
    cls = handle.__class__
    if isinstance(inspect.getattr_static(cls, name, None), classmethod | staticmethod):
        return getattr(cls, name)
    raise AttributeError(no_attribute(handle, name), name=name, obj=handle)


def no_attribute(handle: Handle, name: str) -> str:
    """The letter to whoever reaches for the state."""
    cls = handle.__class__
    messages = ", ".join(handle.__regrow_methods__) or "none"
    what = "is no message" if hasattr(cls, name) else "is not there"
    return (
        f"{handle!r}.{name} {what}: this is a handle, and the state is in the process. Its messages: {messages}.\n"
        f"  To reach what is inside, write a method with @service.call that returns it; regrow.system.get_state shows it all"
    )


# Making handles


def check_address(cls: type, address: Any) -> Any:
    """What a handle of `cls` may be for.

    Raises:
        TypeError: this is no address, or a process that runs something else.
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
    """Raise if a process is known to run something else. One that has ended may be named: its calls will say so.

    Raises:
        TypeError: it runs something else.
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
    """The class of the handles of a service, made when it is first asked for."""
    found: Any = cls.__dict__.get("__regrow_handle__")
    if found is None:
        found = cls.__regrow_handle__ = _made(cls, Handle)
    made: type[Handle] = found
    return made


def with_timeout(handle: Any, timeout: float | None) -> Any:
    """A handle for the same process whose calls wait so long."""
    cls = handle.__class__
    kind: Any = cls.__dict__.get("__regrow_patient__")
    if kind is None:
        kind = cls.__regrow_patient__ = _made(cls, TimeoutHandle)
    return kind(address_of(handle), timeout)


def _made(cls: Any, base: type[Handle]) -> Any:
    methods: dict[str, Method] = cls.__regrow_methods__
    # Not a `__getattr__`, which would say the same of every name: where there is one, Python looks up each message the
    # long way, and a call takes a tenth longer.
    space: dict[str, Any] = {name: property(partial(class_attribute, name=name)) for name in names_inside(cls)}
    space |= {name: _sender(cls, name, one, base is TimeoutHandle) for name, one in methods.items()}
    space |= {"__slots__": (), "__regrow_service__": cls, "__regrow_methods__": methods}
    space |= {"__module__": cls.__module__, "__doc__": cls.__doc__}
    return type(f"{cls.__name__} handle", (base,), space)


def names_inside(cls: type) -> set[str]:
    """The names that an object of a class may have: all that it defines, and all that its methods mention."""
    found = set(dir(cls))
    for base in cls.__mro__:
        for value in vars(base).values():
            code: object = getattr(getattr(value, "__wrapped__", value), "__code__", None)
            if isinstance(code, CodeType):
                found.update(code.co_names)
    return {name for name in found if not (name.startswith("__") and name.endswith("__"))}


def _sender(cls: type, name: str, method: Method, is_patient: bool) -> Any:
    """The function that makes the message and sends it, with the parameters that the method has.

    Its source is written and compiled, as that of a dataclass's `__init__` is: Python itself binds the arguments,
    where the method is called and in no time, and a wrong one raises what a wrong argument always raises.
    """
    own, *rest = method.signature.parameters.values()
    carried = [f"*{one.name}" if one.kind is Parameter.VAR_POSITIONAL else one.name for one in method.parameters]
    message = f"({', '.join([repr(method.label), *carried])},)"
    if isinstance(method, CallMethod):
        timeout = f"{own.name}.__regrow_timeout__" if is_patient else "regrow_timeout"
        sent = f"regrow_call({own.name}.{ADDRESS}, {message}, {timeout})"
    else:
        sent = f"regrow_cast({own.name}.{ADDRESS}, {message})"
    source = f"def {name}({_parameters(own, rest)}):\n    return {sent}\n"
    space: dict[str, Any] = {"regrow_call": call, "regrow_cast": cast, "regrow_timeout": method.timeout}
    exec(compile(source, f"{__file__}:{method.label}", "exec"), space)  # noqa: S102
    function: Any = space[name]
    everything = [own, *rest]
    defaults = [one.default for one in everything if one.default is not one.empty and one.kind is not one.KEYWORD_ONLY]
    named = {one.name: one.default for one in rest if one.kind is one.KEYWORD_ONLY and one.default is not one.empty}
    function.__defaults__ = tuple(defaults) or None
    function.__kwdefaults__ = named or None
    function.__doc__ = method.function.__doc__
    function.__qualname__ = method.function.__qualname__
    function.__module__ = method.function.__module__
    return function


def _parameters(own: Parameter, rest: list[Parameter]) -> str:
    """The parameters as they stand in a `def`, without defaults and annotations."""
    return str(inspect.Signature([one.replace(annotation=one.empty, default=one.empty) for one in (own, *rest)]))[1:-1]


def handle(cls: Any, address: object) -> Any:
    """A handle of a service for an address."""
    return handle_class(cls)(address)
