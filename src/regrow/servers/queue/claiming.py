"""The call of a claim: if the caller is cancelled or killed when its answer is there already, the jobs are given back.

`call` drops such an answer, which is right for any other request: nothing is lost by it. A claim's answer is jobs under
a lease; they would wait for the end of the lease, and an attempt would be spent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from regrow.behaviours.gen import request as gen_request
from regrow.behaviours.gen_server.client import cast
from regrow.kernel import requests
from regrow.kernel.addresses import Name
from regrow.kernel.current_node import current_node
from regrow.kernel.requests import ANSWERED
from regrow.servers.queue.errors import QueueError
from regrow.servers.queue.ops import Claimed
from regrow.servers.queue.requests import Ask


@dataclass(frozen=True, slots=True)
class GiveBack:
    """A cast to the writer: release these jobs, as they were before their claim."""

    jobs: tuple[Claimed, ...]


async def claim(writer: Name, ask: Ask) -> Any:
    """Call the writer with a claim, and return its answer (`gen_server:call/3`, without a timeout).

    Raises:
        CallExit: the writer does not run, or has ended.
    """
    node = current_node()
    sent = requests.new_request(node, ask)
    try:
        await requests.wait(node, node.caller(), writer, sent, None)
    except BaseException:
        answer: Any = sent.answer
        if sent.state == ANSWERED and answer and not isinstance(answer, QueueError):
            cast(writer, GiveBack(tuple(answer)))
        raise
    if sent.state == ANSWERED:
        return sent.answer
    raise await gen_request.failed(node, sent, writer, None, ("GenServer", "call", [writer, ask, None]))
