"""The routes of the OpenAI Batch API: files and batches."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from runner.app.accounts.clients import Client
from runner.app.serving.api_files import LONGEST_LIFE_S, SHORTEST_LIFE_S, remove
from runner.app.serving.batch_api import NewApiBatch
from runner.app.serving.gateway import Gateway
from runner.errors import OutputError
from runner.server import limits
from runner.server.batch_objects import batch_object, file_object, page_object
from runner.server.numbers import number_of
from runner.server.proxy import CALLS
from runner.server.replies import (
    Problem,
    header,
    invalid,
    json_object,
    read_body,
    send_json,
)
from runner.server.upload import Form, UploadLimits, read_form
from runner.store.api_files import Paging
from runner.threads import in_thread

_PIECE = 1 << 20
_MOST = UploadLimits(files=200_000_000)  # OpenAI's limit
_MOST_BODY = 64 << 10


class BatchRoutes:
    """Handles requests for files and batches."""

    def __init__(self, gateway: Gateway) -> None:
        self._files = gateway.files
        self._batches = gateway.batches

    async def answer(
        self, client: Client, scope: Scope, receive: Receive, send: Send, path: str
    ) -> None:
        """Handles one request.

        Raises:
            Problem: The request is invalid.
            NotFoundError: The file or batch does not exist.
        """
        parts = path.split("/")[2:]
        if parts[0] == "files" and parts[2:] == ["content"] and scope["method"] == "GET":
            await self._download(client, parts[1], send)
            return
        answer = self._of_files if parts[0] == "files" else self._of_batches
        value = await answer(client, scope, receive, parts)
        if value is not None:  # None: the client has disconnected
            await send_json(send, value)

    async def _of_files(
        self, client: Client, scope: Scope, receive: Receive, parts: list[str]
    ) -> dict[str, Any] | None:
        match (scope["method"], parts):
            case ("POST", ["files"]):
                return await self._upload(client, scope, receive)
            case ("GET", ["files"]):
                return await self._list_files(client, scope)
            case ("GET", ["files", file_id]):
                return file_object(await self._files.get(client.name, file_id))
            case ("DELETE", ["files", file_id]):
                await self._files.delete(client.name, file_id)
                return {"id": file_id, "object": "file", "deleted": True}
            case _:
                raise _nothing_at(scope)

    async def _of_batches(
        self, client: Client, scope: Scope, receive: Receive, parts: list[str]
    ) -> dict[str, Any] | None:
        match (scope["method"], parts):
            case ("POST", ["batches"]):
                return await self._create(client, scope, receive)
            case ("GET", ["batches"]):
                paging = _paging(scope, limits.USUAL_BATCHES_A_PAGE, limits.BATCHES_A_PAGE)
                page = await self._batches.page(client, paging)
                return page_object(page, paging.limit, batch_object)
            case ("GET", ["batches", batch_id]):
                return batch_object(await self._batches.get(client, batch_id))
            case ("POST", ["batches", batch_id, "cancel"]):
                return await self._cancel(client, batch_id)
            case _:
                raise _nothing_at(scope)

    async def _upload(
        self, client: Client, scope: Scope, receive: Receive
    ) -> dict[str, Any] | None:
        part = self._files.new_part()
        try:
            form = await read_form(scope, receive, partial(_only_file, part), _MOST)
            if form is None:
                return None
            life_s = _checked_form(form)
            name = form.files[0].filename or "requests.jsonl"
            file = await self._files.keep(
                part, client.name, form.fields["purpose"], name, life_s=life_s
            )
        finally:
            remove(part)
        return file_object(file)

    async def _list_files(self, client: Client, scope: Scope) -> dict[str, Any]:
        paging = _paging(scope, limits.FILES_A_PAGE, limits.FILES_A_PAGE)
        page = await self._files.page(client.name, paging, _query(scope).get("purpose") or None)
        return page_object(page, paging.limit, file_object)

    async def _download(self, client: Client, file_id: str, send: Send) -> None:
        """Sends the contents of a file in chunks."""
        file = await self._files.get(client.name, file_id)
        opened = await in_thread(_open, self._files.path_of(file_id))
        try:
            headers = [
                (b"content-type", b"application/octet-stream"),
                (b"content-length", b"%d" % file.bytes),
                (b"content-disposition", b"attachment"),
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            while chunk := await in_thread(opened.read, _PIECE):
                body = {"type": "http.response.body", "body": chunk, "more_body": True}
                await send(body)
            await send({"type": "http.response.body", "body": b""})
        finally:
            opened.close()

    async def _create(
        self, client: Client, scope: Scope, receive: Receive
    ) -> dict[str, Any] | None:
        data = await read_body(receive, _MOST_BODY)
        if data is None:
            return None
        key = header(scope, b"idempotency-key")
        if key is not None and len(key) > limits.IDEMPOTENCY_KEY_LENGTH:
            raise invalid("the Idempotency-Key is too long", param="Idempotency-Key")
        return batch_object(await self._batches.create(client, _new_batch(data, key)))

    async def _cancel(self, client: Client, batch_id: str) -> dict[str, Any]:
        status = await self._batches.cancel(client, batch_id)
        if status is None:
            entry = (await self._batches.get(client, batch_id)).entry
            message = f"a batch that is {entry.state.value} cannot be cancelled"
            raise invalid(message, status=409, code="batch_not_cancellable")
        return batch_object(status)


def _nothing_at(scope: Scope) -> Problem:
    return invalid(f"there is nothing at {scope['method']} {scope['path']}", status=404)


def _open(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as error:
        raise OutputError(f"the file cannot be read ({error.strerror})") from error


def _only_file(part: Path, form: Form, _field: str, _filename: str) -> Path:
    if form.files:
        raise invalid("a form holds one file", param="file")
    return part


def _checked_form(form: Form) -> int | None:
    """Returns the lifetime of the file in s; None: the default.

    Raises:
        Problem: The form is incomplete or invalid.
    """
    if not form.files:
        raise invalid("the form holds no file", param="file")
    if form.fields.get("purpose") != "batch":
        raise invalid("files are taken for the purpose batch", param="purpose")
    anchor, seconds = (form.fields.get(f"expires_after[{name}]") for name in ("anchor", "seconds"))
    return None if anchor is seconds is None else _life_s(anchor, seconds, "expires_after")


def _life_s(anchor: Any, seconds: Any, param: str) -> int:
    if anchor != "created_at":
        raise invalid(f'{param}.anchor is "created_at"', param=param)
    try:
        life_s = int(seconds)
    except (TypeError, ValueError):
        life_s = 0
    if not SHORTEST_LIFE_S <= life_s <= LONGEST_LIFE_S:
        message = f"{param}.seconds is {SHORTEST_LIFE_S} to {LONGEST_LIFE_S}"
        raise invalid(message, param=param)
    return life_s


def _new_batch(data: bytes, key: str | None) -> NewApiBatch:
    """Parses a client's request to create a batch.

    Raises:
        Problem: The request is invalid.
    """
    body = json_object(data)
    for name in ("input_file_id", "endpoint", "completion_window"):
        if not isinstance(body.get(name), str):
            raise invalid(f"you must provide {name}", param=name)
    if body["endpoint"] not in CALLS:
        known = ", ".join(sorted(CALLS))
        raise invalid(f"the endpoint is one of {known}", param="endpoint")
    if body["completion_window"] != "24h":
        raise invalid('the completion_window is "24h"', param="completion_window")
    after = body.get("output_expires_after")
    life_s = None
    if after is not None:
        given = after if isinstance(after, dict) else {}
        life_s = _life_s(given.get("anchor"), given.get("seconds"), "output_expires_after")
    return NewApiBatch(
        body["input_file_id"],
        body["endpoint"],
        body["completion_window"],
        _metadata(body.get("metadata")),
        life_s,
        key,
    )


def _metadata(value: Any) -> dict[str, str] | None:
    if value is None:
        return None
    pairs, name_length = limits.METADATA_PAIRS, limits.METADATA_NAME_LENGTH
    value_length = limits.METADATA_VALUE_LENGTH
    fits = isinstance(value, dict) and len(value) <= pairs
    if not fits or not all(
        isinstance(text, str) and len(name) <= name_length and len(text) <= value_length
        for name, text in value.items()
    ):
        message = (
            f"metadata is up to {pairs} pairs of texts, "
            f"of up to {name_length} and {value_length} characters"
        )
        raise invalid(message, param="metadata")
    metadata: dict[str, str] = value
    return metadata


def _query(scope: Scope) -> dict[str, str]:
    text = scope["query_string"].decode("latin-1")
    return {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}


def _paging(scope: Scope, usual: int, most: int) -> Paging:
    query = _query(scope)
    limit = number_of(query.get("limit", str(usual)))
    if limit is None or not 1 <= limit <= most:
        raise invalid(f"limit is 1 to {most}", param="limit")
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise invalid("order is asc or desc", param="order")
    return Paging(limit, query.get("after") or None, newest_first=order == "desc")
