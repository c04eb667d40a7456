"""Daily limits on the calls of each client of the server, with the calls of its batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.clock import LocalZone, moment
from runner.core.demand import Cap, Demand
from runner.store import client_keys


@dataclass(frozen=True, slots=True)
class ClientCaps:
    """The limits of the settings.

    Attributes:
        most: The largest number of calls a day, by client; a missing client has no limit.
        zone: The time zone of the days.
    """

    most: Mapping[str, int] = field(default_factory=dict)
    zone: tzinfo = field(default_factory=LocalZone)

    async def read(
        self, connection: AsyncConnection, clients: Iterable[str], now: int
    ) -> dict[str, Cap]:
        """Returns the caps of those of these clients that have a limit, from the ledger."""
        capped = {name for name in clients if name in self.most}
        if not capped:
            return {}
        begins, ends = day_of(now, self.zone)
        made = await client_keys.calls_since(connection, capped, begins)
        return {
            name: Cap(
                name,
                self.most[name] - made[name],
                f"the {self.most[name]:,} calls a day that {name} may make are made",
                ends,
            )
            for name in capped
        }


def capped(
    demands: Sequence[Demand], owners: Mapping[int, str], caps: Mapping[str, Cap]
) -> list[Demand]:
    """Returns `demands` with the caps of their owners.

    Args:
        demands: The demands.
        owners: The client by the key of a demand.
        caps: The cap by client.
    """
    return [
        replace(demand, caps=(*demand.caps, cap))
        if (cap := caps.get(owners.get(demand.key, ""))) is not None
        else demand
        for demand in demands
    ]


def day_of(now: int, zone: tzinfo) -> tuple[int, int]:
    """Returns the beginning and the end of a moment's day in a time zone (ms since the epoch)."""
    begins = moment(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return _ms(begins), _ms(begins + timedelta(days=1))


def _ms(moment_: datetime) -> int:
    return round(moment_.timestamp() * 1000)
