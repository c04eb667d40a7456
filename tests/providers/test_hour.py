"""What a provider's clock says, by the ``Date`` and the ``Age`` of a free reply."""

from __future__ import annotations

import anyio
import httpx
import pytest

from runner.providers.account import Account, QuotaOverrides, quotas_of
from runner.providers.endpoint import Endpoint
from runner.providers.hour import ask_hour
from runner.providers.presets import preset
from runner.providers.transport import open_transport

DATE = "Fri, 27 Nov 2026 12:00:00 GMT"
NOON = 1_795_780_800_000


def asked(headers: dict[str, str]) -> int | None:
    async def main() -> int | None:
        found = preset("modelscope")
        account = Account("mine", found, "http://provider/v1", quotas_of(found, QuotaOverrides()))
        network = httpx.MockTransport(lambda _request: httpx.Response(401, headers=headers))
        async with open_transport(network) as transport:
            return await ask_hour(Endpoint(account, "", transport), 5)

    return anyio.run(main)


@pytest.mark.parametrize(
    ("headers", "at"),
    [
        ({}, None),
        ({"Age": "3"}, None),
        ({"Date": DATE}, NOON),
        ({"Date": DATE, "Age": "0"}, NOON),
        ({"Date": DATE, "Age": "90"}, NOON + 90_000),
        ({"Date": DATE, "Age": "86400"}, NOON + 86_400_000),
    ],
)
def test_the_age_of_a_cached_reply_is_added_to_its_date(
    headers: dict[str, str], at: int | None
) -> None:
    assert asked(headers) == at


@pytest.mark.parametrize("age", ["86401", "9" * 5_000, "-1", "soon", ""])
def test_a_reply_whose_age_is_not_plausible_tells_no_time(age: str) -> None:
    assert asked({"Date": DATE, "Age": age}) is None
