"""Presets are data: each is whole, dated and sourced, and its rules compile."""

from __future__ import annotations

import re

import pytest

from runner.core.quota import Source
from runner.core.verdict import Scope
from runner.errors import ConfigError
from runner.providers.presets import _presets, preset


@pytest.mark.parametrize("name", list(_presets()))
def test_every_preset_says_as_of_when_and_from_where(name: str) -> None:
    found = preset(name)
    assert re.fullmatch(r"20\d\d-\d\d", found.as_of)
    assert found.source
    assert found.start_concurrency >= 1
    for rule in found.rules:
        re.compile(rule.message or "")
        assert rule.message or rule.code or rule.status


def test_an_unknown_provider_names_the_near_one() -> None:
    with pytest.raises(ConfigError) as caught:
        preset("modelscop")
    assert "modelscope" in str(caught.value.remedy)


def test_a_users_limits_go_before_the_presets() -> None:
    account, model = preset("modelscope").quotas({"calls_per_day": 5}, reserve=2)
    assert (account.limit, account.source, account.reserve) == (5, Source.CONFIGURED, 2)
    assert (model.scope, model.limit, model.reserve) == (Scope.MODEL, None, 0)
    account, _ = preset("modelscope").quotas({}, reserve=0)
    assert (account.limit, account.source) == (2000, Source.PRESET)
