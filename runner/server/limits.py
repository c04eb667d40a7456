"""The limits of requests, which the handlers enforce and the OpenAPI document states."""

from __future__ import annotations

LONGEST_WAIT_S = 999_999_999
IDEMPOTENCY_KEY_LENGTH = 255
METADATA_PAIRS, METADATA_NAME_LENGTH, METADATA_VALUE_LENGTH = 16, 64, 512
FILES_A_PAGE = 10_000
BATCHES_A_PAGE, USUAL_BATCHES_A_PAGE = 100, 20
