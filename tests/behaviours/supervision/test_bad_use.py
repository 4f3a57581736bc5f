"""Wrong uses of supervisors."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from regrow import (
    ChildSpec,
    GenServer,
    InvalidChild,
    InvalidFlags,
    ModuleSupervisor,
    NoNode,
    Ok,
    Supervisor,
    process,
)
from regrow.kernel.bounded_repr import safe_repr
from tests.behaviours.probes import news, probe
from tests.behaviours.supervision.supervised import Plain, Pool

pytestmark = pytest.mark.regrow


class TestBadUse:
    """Each mistake raises in the caller, before anything has started."""

    async def test_two_children_with_one_id_are_refused(self) -> None:
        with pytest.raises(InvalidChild, match="two children have the id 'a'") as caught:
            await Supervisor.start_link([probe("a"), probe("b"), probe("a")])
        assert caught.value.reason == ("duplicate_child_name", "a")
        assert news() == []

    async def test_an_unknown_strategy_is_refused(self) -> None:
        wrong: Any = "one_for_none"
        with pytest.raises(
            InvalidFlags, match="one of one_for_one, one_for_all, rest_for_one, simple_one_for_one; got 'one_for_none'"
        ):
            await Supervisor.start_link([], strategy=wrong)

    @pytest.mark.parametrize("children", [(Pool, 1), Pool, ChildSpec("x", Pool.start_link), "Pool", 1, None])
    async def test_a_child_without_a_list_is_refused(self, children: Any) -> None:
        for given in (
            lambda: Supervisor.init(children, strategy="one_for_one"),
            lambda: Supervisor.check_childspecs(children),
        ):
            with pytest.raises(TypeError, match="children: wanted a list of children, got ") as caught:
                given()
            assert safe_repr(children) in str(caught.value)
            is_one = children not in ("Pool", 1, None)
            assert ("Put a single child into a list" in str(caught.value)) == is_one
        with pytest.raises(TypeError, match="children: wanted a list"):
            await Supervisor.start_link(children)

    async def test_children_in_a_tuple_or_from_a_generator(self) -> None:
        second = ChildSpec("second", Plain.start_link)
        for children in ((Plain, second), (child for child in (Plain, second))):
            sup = await Supervisor.start_link(children)
            assert len(await Supervisor.which_children(sup)) == 2

    async def test_an_invalid_name_is_refused(self) -> None:
        with pytest.raises(TypeError):
            await Supervisor.start_link([], name=42)  # type: ignore[arg-type]

    async def test_an_unknown_class_option_is_refused(self) -> None:
        with pytest.raises(TypeError, match=r"unknown option retsart\. Wanted one of id, modules, restart, shutdown"):
            type("Pool", (ModuleSupervisor,), {}, retsart="transient")

    async def test_a_negative_timeout_is_refused(self) -> None:
        sup = await Supervisor.start_link()
        with pytest.raises(ValueError, match="≥ 0"):
            await Supervisor.stop(sup, timeout=-1)
        assert process.alive(sup)

    def test_a_supervisor_needs_a_node(self) -> None:
        with pytest.raises(NoNode, match=r"regrow\.run"):
            asyncio.run(Supervisor.start_link([]))

    async def test_a_nested_supervisor_is_checked_where_it_is_described(self) -> None:
        with pytest.raises(InvalidChild):
            Supervisor.child_spec([1])  # type: ignore[list-item]
        with pytest.raises(InvalidFlags):
            Supervisor.child_spec([], max_restarts=-1)


class Async(GenServer[int]):
    async def init(self, arg: Any, /) -> Ok[int]:
        await process.sleep(0.1)
        return Ok(arg)

    async def terminate(self, _reason: Any, _state: int, /) -> None:
        await process.sleep(0.1)


@pytest.mark.parametrize("cls", [Plain, Async])
async def test_children_may_be_written_with_def_and_with_async_def(cls: Any) -> None:
    sup = await Supervisor.start_link([(cls, 1)])
    (row,) = await Supervisor.which_children(sup)
    process.exit(row.pid, "died")
    await process.sleep(0.5)
    (after,) = await Supervisor.which_children(sup)
    assert after.pid is not row.pid
    await Supervisor.stop(sup)
