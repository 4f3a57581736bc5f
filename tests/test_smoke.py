from regrow.behaviours.gen_server import GenServer, call, cast
from regrow.behaviours.results import *
from regrow.behaviours.supervisor import *
from regrow.kernel import process
from regrow.testing import *
class Counter(GenServer[int], named=True):
    def handle_call(self, request, from_, n):
        if request == "boom": raise ValueError("boom")
        return Reply(n, n+1)
async def test_sup(node):
    sup = await Supervisor.start_link([(Counter, 0)])
    assert await call(Counter, 1) == 0
    old = process.whereis(Counter)
    process.exit(old, "kill")
    await expect_idle()
    new = process.whereis(Counter)
    assert new != old
    try:
        await call(Counter, "boom")
    except Exception as e:
        assert type(e).__name__ == "CalleeExit", e
    await expect_idle()
    assert await call(Counter, 1) == 0
    await Supervisor.stop(sup)
    assert process.whereis(Counter) is None
async def test_time(node):
    t = process.monotonic()
    await process.sleep(86400)
    assert process.monotonic() - t >= 86400
