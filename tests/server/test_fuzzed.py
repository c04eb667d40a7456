"""Requests of any shape, drawn from the document that the server serves.

Whatever is asked, there is an answer of the shape that the document promises, and none is a fault
of the server.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from support.waiting import PATIENCE_S

from tests.server.conftest import Served, Serving

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
OURS = (*CHECKS, negative_data_rejection)
QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def operations(served: Served) -> list[Any]:
    schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    return [one.ok() for one in schema.get_all_operations()]


def fuzz(served: Served, operation: Any, mode: Any, examples: int) -> None:
    # Of the bodies of calls the provider is the judge: wrong ones may pass here.
    checks = OURS if operation.path.startswith(("/v1/files", "/v1/batches")) else CHECKS

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=QUIET,
        phases=[Phase.generate],  # a smaller example would cost minutes
        derandomize=True,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def test(case: Any) -> None:
        reply = case.call(base_url=served.url, timeout=PATIENCE_S)
        case.validate_response(reply, checks=checks)

    test()


def fuzz_all(served: Served, examples: int) -> None:
    for operation in operations(served):
        for mode in schemathesis.GenerationMode:
            with suppress(Unsatisfiable):  # of some nothing can be wrong
                fuzz(served, operation, mode, examples)
    with served.http() as http:
        assert http.get("/v1/models").status_code == 200


def test_every_address_of_the_document_is_there(served: Served) -> None:
    found = {one.path for one in operations(served)}
    assert {"/v1/chat/completions", "/v1/files/{file_id}/content"} <= found
    with served.http() as http:
        for operation in operations(served):
            path = operation.path.format(model="x", file_id="x", batch_id="x")
            told = http.request(operation.method, path).json()
            assert "there is nothing at" not in str(told), path


def test_requests_of_any_shape_are_answered(serving: Serving) -> None:
    with serving(latency_ms=(0, 0)) as served:
        fuzz_all(served, 5)


@pytest.mark.nightly
def test_many_requests_of_any_shape_are_answered(serving: Serving) -> None:
    with serving(latency_ms=(0, 0)) as served:
        fuzz_all(served, 100)
