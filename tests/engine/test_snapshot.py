"""Which ways there are to the models of a batch."""

from runner.engine.snapshot import routes_of
from runner.providers.account import Account
from runner.providers.presets import preset

MINE = Account("mine", preset("modelscope"), None, ())
STUDIO = Account("studio", preset("model-studio"), None, (), models={"small": "small-v1"})


def test_all_models_of_an_account_go_before_the_next_account() -> None:
    """The next one may cost money: what is left on the first goes first."""
    assert routes_of(("small", "large"), (MINE, STUDIO))[:3] == (
        ("mine", "small"),
        ("mine", "large"),
        ("studio", "small-v1"),
    )
