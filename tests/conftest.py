"""How hypothesis searches: the same examples on every machine, so that green stays green.

``HYPOTHESIS_PROFILE=search pytest`` draws new ones, and more of them.
"""

import os

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=1_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
