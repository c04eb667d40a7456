"""The provider's clock: when it is in doubt, and until when."""

from __future__ import annotations

from email.utils import formatdate

import anyio
import httpx

from runner import virtual
from runner.core.time_units import HOUR_MS
from runner.engine.provider_clock import ProviderClock
from runner.providers.account import Account, QuotaOverrides, quotas_of
from runner.providers.endpoint import Endpoint
from runner.providers.presets import preset
from runner.providers.transport import open_transport
from tests.support.world import EVENING, ms


def test_a_jump_while_the_provider_is_asked_is_asked_about_in_turn() -> None:
    """What the provider said before it settles nothing."""
    woken = list[bool]()

    async def main() -> None:
        true, machine = virtual.VirtualClock(ms(EVENING)), virtual.VirtualClock(ms(EVENING))

        async def reply(_request: httpx.Request) -> httpx.Response:
            await anyio.sleep(1)
            return httpx.Response(200, json={}, headers={"date": formatdate(true.now() / 1000)})

        async with open_transport(httpx.MockTransport(reply)) as transport:
            found = preset("modelscope", {})
            account = Account(
                "mine", found, "http://test/v1", quotas_of(found, QuotaOverrides()), None
            )
            clock = ProviderClock(
                machine,
                [Endpoint(account, "mine", transport)],
                lambda: woken.append(clock.is_known),
            )
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(clock.run)
                await anyio.sleep(0.5)
                clock.check_jump()
                machine.jump(25 * HOUR_MS)
                clock.check_jump()
                await anyio.sleep(30)
                assert abs(clock.now() - true.now()) < 2_000, "a Date counts seconds"
                tasks.cancel_scope.cancel()

    virtual.run(main)
    assert woken == [False, True]
