"""A configuration that makes no sense is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from runner.errors import ConfigError
from runner.simulator import FAULT_KINDS, SimulatorConfig


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"calls_per_day": -1}, "calls_per_day"),
        ({"calls_per_day_per_model": -1}, "calls_per_day_per_model"),
        ({"model_limits": {"a/b": -1}}, "model_limits.a/b"),
        ({"max_concurrency": 0}, "max_concurrency"),
        ({"foreign_calls_per_day": -1}, "foreign_calls_per_day"),
        ({"foreign_spread_s": 0}, "foreign_spread_s"),
        ({"foreign_spread_s": 86_401}, "foreign_spread_s"),
        ({"reset_late_s": -1}, "reset_late_s"),
        ({"reset_late_s": 86_400}, "reset_late_s"),
        ({"latency_ms": (5, 4)}, "latency_ms"),
        ({"latency_ms": (-1, 4)}, "latency_ms"),
        ({"faults": {"gremlins": 0.1}}, "faults"),
        ({"faults": {"drop": 1.1}}, "faults.drop"),
        ({"faults": {"drop": 0.6, "hang": 0.6}}, "faults"),
        ({"envelope": "paper"}, "envelope"),
        ({"account_refusal": "rude"}, "account_refusal"),
        ({"header_behaviour": "rude"}, "header_behaviour"),
        ({"calls_per_minute": -1}, "calls_per_minute"),
        ({"tokens_per_minute": -1}, "tokens_per_minute"),
        ({"calls_per_month": -1}, "calls_per_month"),
        ({"tokens_per_month": -1}, "tokens_per_month"),
        ({"refill_calls": (0, 1000)}, "refill_calls"),
        ({"refill_calls": (5, 0)}, "refill_calls"),
        ({"limit_changes": ((2, 5), (1, 5))}, "limit_changes"),
        ({"limit_changes": ((2, 5), (2, 6))}, "limit_changes"),
        ({"limit_changes": ((2, -5),)}, "limit_changes"),
        ({"credits": -0.5}, "credits"),
        ({"credits": float("nan")}, "credits"),
        ({"credits": float("inf")}, "credits"),
        ({"prices": {"a/b": -1}}, "prices.a/b"),
        ({"credits_need_login": True}, "credits_need_login"),
        ({"zone": "Atlantis/Capital"}, "zone"),
        ({"zone": "America"}, "zone"),
        ({"zone": ""}, "zone"),
        ({"zone": "../../etc/passwd"}, "zone"),
        ({"image_ms": (5, 4)}, "image_ms"),
        ({"parallel": 0}, "parallel"),
        ({"max_in_flight": 0}, "max_in_flight"),
        ({"limit_req": 0}, "limit_req"),
        ({"limit_req": 60, "limit_req_burst": -1}, "limit_req_burst"),
        ({"limit_req": 60, "limit_req_status": 302}, "limit_req_status"),
        ({"limit_req_burst": 2}, "limit_req_burst"),
        ({"limit_req_status": 429}, "limit_req_status"),
        ({"limit_req_delay": True}, "limit_req_delay"),
        ({"prices": {"a/b": 2}}, "prices"),
    ],
)
def test_a_senseless_setting_is_refused_by_name(settings: Any, field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SimulatorConfig(**settings)
    assert caught.value.where == f"simulator.{field}"
    assert caught.value.remedy


def test_probabilities_that_add_up_to_one_are_accepted() -> None:
    share = 1 / len(FAULT_KINDS)
    assert SimulatorConfig(faults=dict.fromkeys(FAULT_KINDS, share)).faults


def test_images_have_faults_of_their_own_beside_those_of_calls() -> None:
    assert SimulatorConfig(faults={"throttle": 1.0, "task_failed": 1.0}).faults
    with pytest.raises(ConfigError):
        SimulatorConfig(faults={"task_lost": 0.6, "task_failed": 0.6})


def test_a_model_without_a_limit_of_its_own_has_everybodys() -> None:
    config = SimulatorConfig(calls_per_day_per_model=7, model_limits={"big": 1})
    assert (config.model_limit("big"), config.model_limit("small")) == (1, 7)


def test_without_a_list_of_tokens_any_but_a_blank_one_opens_an_account() -> None:
    assert [SimulatorConfig().accepts(token) for token in ("x", "", None)] == [True, False, False]
    listed = SimulatorConfig(tokens=("x",))
    assert [listed.accepts(token) for token in ("x", "y", None)] == [True, False, False]


def test_a_model_retires_at_its_moment_and_not_before() -> None:
    config = SimulatorConfig(retired=frozenset({"old"}), retired_at={"m": 1000})
    seen = [config.is_retired(model, now) for model, now in (("m", 999), ("m", 1000), ("old", 0))]
    assert seen == [False, True, True]
    assert not config.is_retired("young", 2000)


def test_a_model_without_a_price_of_its_own_costs_one_credit() -> None:
    config = SimulatorConfig(credits=1, prices={"light": 0.5, "free": 0})
    assert [config.price(model) for model in ("light", "free", "other")] == [0.5, 0, 1]
