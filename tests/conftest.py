"""What every test has: English, and a search that finds the same on every machine.

``HYPOTHESIS_PROFILE=search pytest`` has hypothesis draw new examples, and more of them.
"""

import os

from hypothesis import settings

# The language is chosen when the program is imported, which happens after this.
os.environ["MIDNIGHT_LANG"] = "en"

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=1_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
