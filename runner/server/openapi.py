"""The server's OpenAPI document, for people, client generators and tests.

Bodies of calls belong to OpenAI's API and the provider: only the fields that the server reads are
described, and all others are permitted.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson

from runner import __version__
from runner.app.serving.api_files import LONGEST_LIFE_S, SHORTEST_LIFE_S
from runner.core.states import ApiBatchState
from runner.jobfile.request_url import URLS
from runner.server import limits

PATH = "/openapi.json"

_Schema = dict[str, Any]
_TEXT: _Schema = {"type": "string"}
_COUNT: _Schema = {"type": "integer", "minimum": 0}
_MAYBE_TEXT: _Schema = {"type": ["string", "null"]}
_MOMENT: _Schema = {"type": "integer", "description": "in seconds since the epoch"}
_MAYBE_MOMENT: _Schema = {**_MOMENT, "type": ["integer", "null"]}
_MESSAGES: _Schema = {"type": "array", "items": {"type": "object"}}
_TEXTS: _Schema = {"anyOf": [_TEXT, {"type": "array"}]}
# The summary of each path, and the fields that a request requires besides the model.
_CALLS: dict[str, tuple[str, _Schema]] = {
    "/v1/chat/completions": ("Answer a chat, whole or as a stream", {"messages": _MESSAGES}),
    "/v1/embeddings": ("Embed texts", {"input": _TEXTS}),
    "/v1/images/generations": ("Make images", {"prompt": _TEXT}),
    "/v1/responses": ("Answer, where the provider has this", {"input": _TEXTS}),
    "/v1/completions": ("Complete a text, where the provider has this", {"prompt": _TEXTS}),
}


@cache
def document() -> bytes:
    """Returns the document as JSON."""
    content = {
        "openapi": "3.1.0",
        "info": {
            "title": "Midnight Runner",
            "version": __version__,
            "description": "OpenAI's API over the accounts of this server, and their allowance.",
        },
        "paths": {**_call_paths(), **_model_paths(), **_file_paths(), **_batch_paths()},
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        # A key is required only if the server has keys.
        "security": [{}, {"key": []}],
    }
    return orjson.dumps(content)


def _call_paths() -> dict[str, Any]:
    return {url: {"post": _call(url, *_CALLS[url])} for url in URLS}


def _call(url: str, summary: str, own: _Schema) -> dict[str, Any]:
    body: _Schema = {
        "type": "object",
        "required": ["model", *own],
        "properties": {"model": {**_TEXT, "minLength": 1}, **own},
    }
    answer: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}}
    if url in ("/v1/chat/completions", "/v1/completions", "/v1/responses"):
        body["properties"]["stream"] = {"type": ["boolean", "null"]}
        answer["text/event-stream"] = {"schema": _TEXT}
    wait = _parameter("X-Midnight-Wait", "header", {**_COUNT, "maximum": limits.LONGEST_WAIT_S})
    wait["description"] = "how many seconds the request waits for allowance"
    return {
        "summary": summary,
        "parameters": [wait],
        "requestBody": _json_body(body),
        "responses": {
            "200": {"description": "the provider's answer", "content": answer},
            **_ERRORS,
        },
    }


def _model_paths() -> dict[str, Any]:
    one = _operation("Show a model", _reference("Model"), [_parameter("model", "path", _TEXT)])
    listed = _object({"object": {"const": "list"}, "data": _list_of("Model")})
    return {
        "/v1/models": {"get": _operation("List what may be asked; it costs nothing", listed)},
        "/v1/models/{model}": {"get": one},
    }


def _file_paths() -> dict[str, Any]:
    own = [_parameter("file_id", "path", _TEXT)]
    paging = [*_paging(limits.FILES_A_PAGE), _parameter("purpose", "query", _TEXT)]
    deleted = _object({"id": _TEXT, "object": {"const": "file"}, "deleted": {"const": True}})
    download = _operation("Read a file's bytes", {}, own)
    download["responses"]["200"] = {
        "description": "the bytes",
        "content": {"application/octet-stream": {"schema": {}}},
    }
    return {
        "/v1/files": {
            "get": _operation("List files", _page_of("File"), paging),
            "post": {**_operation("Upload a file", _reference("File")), "requestBody": _upload()},
        },
        "/v1/files/{file_id}": {
            "get": _operation("Show a file", _reference("File"), own),
            "delete": _operation("Delete a file", deleted, own),
        },
        "/v1/files/{file_id}/content": {"get": download},
    }


def _upload() -> dict[str, Any]:
    life = {"type": "integer", "minimum": SHORTEST_LIFE_S, "maximum": LONGEST_LIFE_S}
    schema = {
        "type": "object",
        "required": ["file", "purpose"],
        "properties": {
            "file": {**_TEXT, "format": "binary"},
            "purpose": {"const": "batch"},
            "expires_after[anchor]": {"const": "created_at"},
            "expires_after[seconds]": life,
        },
    }
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def _batch_paths() -> dict[str, Any]:
    own = [_parameter("batch_id", "path", _TEXT)]
    text = {**_TEXT, "maxLength": limits.IDEMPOTENCY_KEY_LENGTH}
    key = _parameter("Idempotency-Key", "header", text)
    new = _reference("NewBatch")
    return {
        "/v1/batches": {
            "get": _operation("List batches", _page_of("Batch"), _paging(limits.BATCHES_A_PAGE)),
            "post": {
                **_operation("Make a batch of a file", _reference("Batch"), [key]),
                "requestBody": _json_body(new),
            },
        },
        "/v1/batches/{batch_id}": {"get": _operation("Show a batch", _reference("Batch"), own)},
        "/v1/batches/{batch_id}/cancel": {
            "post": _operation(
                "Cancel a batch; what was answered is kept", _reference("Batch"), own
            )
        },
    }


def _schemas() -> dict[str, _Schema]:
    return {
        "Error": _object({"error": _object({"message": _TEXT})}),
        "Model": _object({"id": _TEXT, "object": {"const": "model"}, "name": _TEXT}),
        "File": _object(
            {
                "id": _TEXT,
                "object": {"const": "file"},
                "bytes": _COUNT,
                "created_at": _MOMENT,
                "expires_at": _MAYBE_MOMENT,
                "filename": _TEXT,
                "purpose": {"enum": ["batch", "batch_output"]},
                "status": {"const": "processed"},
            }
        ),
        "NewBatch": _new_batch(),
        "Batch": _batch(),
    }


def _new_batch() -> _Schema:
    life = {"type": "integer", "minimum": SHORTEST_LIFE_S, "maximum": LONGEST_LIFE_S}
    known: _Schema = {
        "input_file_id": _TEXT,
        "endpoint": {"enum": list(URLS)},
        "completion_window": {"const": "24h"},
    }
    more: _Schema = {
        "metadata": {
            "type": ["object", "null"],
            "maxProperties": limits.METADATA_PAIRS,
            "propertyNames": {"maxLength": limits.METADATA_NAME_LENGTH},
            "additionalProperties": {**_TEXT, "maxLength": limits.METADATA_VALUE_LENGTH},
        },
        "output_expires_after": {
            "type": ["object", "null"],
            "required": ["anchor", "seconds"],
            "properties": {"anchor": {"const": "created_at"}, "seconds": life},
        },
    }
    return {"type": "object", "required": [*known], "properties": {**known, **more}}


def _batch() -> _Schema:
    moments = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling")
    fault = _object({"code": _TEXT, "message": _TEXT, "line": {"type": ["integer", "null"]}})
    faults = {"anyOf": [{"type": "null"}, _object({"data": {"type": "array", "items": fault}})]}
    return _object(
        {
            "id": _TEXT,
            "object": {"const": "batch"},
            "endpoint": {"enum": list(URLS)},
            "model": _MAYBE_TEXT,
            "errors": faults,
            "input_file_id": _TEXT,
            "completion_window": _TEXT,
            "status": {"enum": [state.value for state in ApiBatchState]},
            "output_file_id": _MAYBE_TEXT,
            "error_file_id": _MAYBE_TEXT,
            "created_at": _MOMENT,
            "expires_at": _MOMENT,
            **{f"{name}_at": _MAYBE_MOMENT for name in (*moments, "cancelled")},
            "request_counts": _object({"total": _COUNT, "completed": _COUNT, "failed": _COUNT}),
            "usage": {"type": ["object", "null"]},
            "metadata": {"type": ["object", "null"]},
        }
    )


# ---- pieces


def _object(properties: _Schema) -> _Schema:
    return {"type": "object", "required": [*properties], "properties": properties}


def _reference(name: str) -> _Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list_of(name: str) -> _Schema:
    return {"type": "array", "items": _reference(name)}


def _page_of(name: str) -> _Schema:
    ends = {"first_id": _MAYBE_TEXT, "last_id": _MAYBE_TEXT, "has_more": {"type": "boolean"}}
    return _object({"object": {"const": "list"}, "data": _list_of(name), **ends})


def _parameter(name: str, place: str, schema: _Schema) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _paging(most: int) -> list[dict[str, Any]]:
    limit = {"type": "integer", "minimum": 1, "maximum": most}
    return [
        _parameter("limit", "query", limit),
        _parameter("after", "query", _TEXT),
        _parameter("order", "query", {"enum": ["asc", "desc"]}),
    ]


def _json_body(schema: _Schema) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


_ERRORS = {
    "default": {
        "description": "a refusal, in OpenAI's envelope",
        "content": {"application/json": {"schema": _reference("Error")}},
    }
}


def _operation(
    summary: str, answer: _Schema, parameters: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    whole = {"description": "done", "content": {"application/json": {"schema": answer}}}
    return {
        "summary": summary,
        "parameters": parameters or [],
        "responses": {"200": whole, **_ERRORS},
    }
