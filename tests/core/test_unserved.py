"""Which batches stop asking since their models are not served, and what they are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from runner.core.admission import Permit
from runner.core.charging import Outcome
from runner.core.gate import Gate, ParkReason
from runner.core.period import Calendar
from runner.core.retry import RetryLimits
from runner.core.route import Route
from runner.core.settlement import Call, CallJob, Settlement, settle
from runner.core.unserved import unserved_reasons
from runner.core.verdict import Kind, Scope, Verdict
from runner.core.window import Quota, Window, open_window

NOW = 1_795_500_000_000
DAY = Quota("day", Scope.ACCOUNT, 100, Calendar("day", "UTC"))
MODEL_DAY = replace(DAY, name="model day", scope=Scope.MODEL)
GONE = Verdict(Kind.GONE, "HTTP 404", remedy="check the model's name")
SINGLE = "the provider does not serve this model: HTTP 404; check the model's name"


def ended(verdict: Verdict, batch: int | None = 1) -> Settlement:
    call = Call(1, Permit(1, ("mine", "qwen"), {}), (CallJob(1),), batch_id=batch)
    return settle(call, Outcome(verdict), (), RetryLimits(), jitter=0.5, now=NOW)


def window(model: str, reason: ParkReason = ParkReason.GONE, account: str = "mine") -> Window:
    quota = MODEL_DAY if model else DAY
    return replace(open_window(quota, account, model, NOW), gate=Gate(reason=reason))


def routes(*models: str) -> Sequence[Route]:
    return tuple(("mine", model) for model in models)


def test_a_batch_stops_when_its_only_model_is_not_served() -> None:
    found = unserved_reasons([ended(GONE)], lambda _: routes("qwen"), [window("qwen")])
    assert found == {1: SINGLE}
    bare = replace(GONE, remedy=None)
    found = unserved_reasons([ended(bare)], lambda _: routes("qwen"), [])
    assert found == {1: "the provider does not serve this model: HTTP 404"}


def test_a_batch_goes_on_while_another_of_its_models_may_serve() -> None:
    both = routes("qwen", "glm")
    served = [window("qwen"), window("glm", ParkReason.NONE), window("")]
    assert unserved_reasons([ended(GONE)], lambda _: both, served) == {}


def test_a_call_for_no_batch_and_one_that_was_answered_stop_none() -> None:
    one = routes("qwen")
    assert unserved_reasons([ended(GONE, batch=None)], lambda _: one, []) == {}
    assert unserved_reasons([ended(Verdict(Kind.SPENT))], lambda _: one, [window("qwen")]) == {}


def test_the_account_is_blamed_when_all_models_that_it_has_asked_are_not_served() -> None:
    """One that may call none lists its models all the same."""
    asked = [window("qwen"), window("glm"), window(""), window("other", account="second")]
    found = unserved_reasons([ended(GONE)], lambda _: routes("qwen", "glm"), asked)
    assert found == {
        1: "the provider serves none of the models that the account mine has asked (glm, qwen): "
        "HTTP 404; the account may be to blame: see whether it is verified; "
        "check the model's name"
    }


def test_the_account_is_not_blamed_while_it_may_call_any_other_model() -> None:
    asked = [window("qwen"), window("glm", ParkReason.NONE)]
    assert unserved_reasons([ended(GONE)], lambda _: routes("qwen"), asked) == {1: SINGLE}
