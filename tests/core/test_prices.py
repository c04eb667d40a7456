"""What a call to a model costs, as the balance shows."""

from runner.core.grants import BalanceSample
from runner.core.prices import DoneCall, learned_prices
from runner.core.window import CREDIT

MINUTE = 60_000


def samples(*totals: float) -> list[BalanceSample]:
    """A balance every quarter of an hour, in credits."""
    return [
        BalanceSample(n * 15 * MINUTE, n * 15 * MINUTE, round(total * CREDIT))
        for n, total in enumerate(totals)
    ]


def calls(*made: tuple[str, int]) -> list[DoneCall]:
    """Between each look and the next, so many calls to a model."""
    return [
        (n * 15 * MINUTE + 1 + number, model)
        for n, (model, count) in enumerate(made)
        for number in range(count)
    ]


def test_two_stretches_that_show_the_same_tell_the_price() -> None:
    assert learned_prices(samples(100, 95, 89), calls(("qwen", 10), ("qwen", 12))) == {"qwen": 500}


def test_one_stretch_alone_proves_nothing() -> None:
    assert learned_prices(samples(100, 95), calls(("qwen", 10))) == {}
    assert learned_prices(samples(100, 95, 71), calls(("qwen", 10), ("qwen", 12))) == {}


def test_a_few_calls_are_put_together() -> None:
    made = calls(*[("qwen", 4)] * 6)
    assert learned_prices(samples(100, 92, 84, 76, 68, 60, 52), made) == {"qwen": 2_000}


def test_calls_to_several_models_tell_no_price_of_either() -> None:
    made = calls(("qwen", 8), ("glm", 8), ("qwen", 10), ("qwen", 10))
    assert learned_prices(samples(100, 92, 76, 66, 56), made) == {"qwen": 1_000}


def test_a_grant_and_what_is_no_price_are_left_out() -> None:
    made = calls(("qwen", 10), ("qwen", 10), ("qwen", 10), ("qwen", 10), ("qwen", 10))
    assert learned_prices(samples(100, 90, 330, 320, 243, 240), made) == {"qwen": 1_000}
    assert learned_prices(samples(100, 99.9, 99.8), calls(("qwen", 10), ("qwen", 10))) == {}
    assert learned_prices(samples(100, 90, 80, 80, 73), made) == {"qwen": 1_000}
