"""How many calls each client of the server may still make today, those of its batches included."""

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
    """What the settings allow the clients.

    Attributes:
        most: By client, the calls of a day; one that is missing may make any number.
        zone: Whose days these are.
    """

    most: Mapping[str, int] = field(default_factory=dict)
    zone: tzinfo = field(default_factory=LocalZone)

    async def read(
        self, connection: AsyncConnection, clients: Iterable[str], now: int
    ) -> dict[str, Cap]:
        """What the ledger leaves to those of these that may make only so many."""
        capped = {name for name in clients if name in self.most}
        if not capped:
            return {}
        begins, ends = day_of(now, self.zone)
        return {
            name: Cap(
                name,
                self.most[name] - await client_keys.calls_since(connection, name, begins),
                f"the {self.most[name]:,} calls a day that {name} may make are made",
                ends,
            )
            for name in capped
        }


def capped(
    demands: Sequence[Demand], owners: Mapping[int, str], caps: Mapping[str, Cap]
) -> list[Demand]:
    """`demands` within what their owners may still make.

    Args:
        demands: What is wanted.
        owners: By the key of a demand, the client whose it is.
        caps: By client, what is left to it.
    """
    return [
        replace(one, caps=(*one.caps, cap))
        if (cap := caps.get(owners.get(one.key, ""))) is not None
        else one
        for one in demands
    ]


def day_of(now: int, zone: tzinfo) -> tuple[int, int]:
    """When the day of a moment begins and ends in a zone (ms since the epoch)."""
    begins = moment(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return _ms(begins), _ms(begins + timedelta(days=1))


def _ms(moment_: datetime) -> int:
    return round(moment_.timestamp() * 1000)
