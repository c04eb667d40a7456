"""The operations for clients of `midnight serve`: calls, files, batches and the model list.

Each call goes through the engine: a permit, a row in the ledger, and its settlement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.app.accounts import accounts
from runner.app.accounts.clients import NOBODY, Client, Clients, ClientUse, used_today, wait_ms
from runner.app.running.engine_host import EngineHost
from runner.app.serving import refusals
from runner.app.serving.api_batch_input import Models
from runner.app.serving.api_batch_worker import ApiBatchWorker
from runner.app.serving.api_files import ApiFiles
from runner.app.serving.batch_api import BatchApi, FinishTimes
from runner.app.serving.image_results import ImageResults
from runner.app.serving.model_list import ListedModel, ModelList
from runner.app.serving.refusals import Refusal
from runner.clock import Clock
from runner.core.period import read_length
from runner.core.verdict import Kind
from runner.engine.client_call import (
    Answered,
    ClientOutcome,
    ClientQuestion,
    ClientRequest,
    NotAdmitted,
)
from runner.engine.snapshot import routes_of
from runner.settings import Settings
from runner.settings.serve import LONGEST_WAIT_MS
from runner.store.database import Database


class Gateway:
    """The entry point for clients. Created by `Application.gateway`.

    Attributes:
        clients: The clients and their keys.
        files: The clients' files.
        batches: The clients' batches.
        batch_worker: Advances them; the owner has to run its `work`.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Clock,
        host: EngineHost,
        finish_times: FinishTimes,
    ) -> None:
        self.clients = Clients(settings, database)
        self.settings = settings
        self._clock = clock
        self._host = host
        self._database = database
        self._models = ModelList(settings, database, clock, host)
        self.files = ApiFiles(database, clock)
        self.batch_worker = ApiBatchWorker(
            database, self.files, clock, self._models_of, host.reread
        )
        self.batches = BatchApi(database, self.files, clock, finish_times, self.batch_worker.wake)
        self._images = ImageResults(host.endpoints, clock)
        self._timeout_s = read_length(settings.serve.timeout) / 1000

    def reread(self) -> None:
        """Tells the engine that this process has changed the queue."""
        self._host.reread()

    async def used_today(self) -> list[ClientUse]:
        """Returns the calls of today by client, for clients that made some or have a key."""
        keys = {key.client for key in await self.clients.keys()}
        names = sorted({NOBODY, *self.settings.serve.clients, *keys})
        usage = await used_today(self._database, self.settings, names, self._clock.now())
        return [each for each in usage if each.calls or each.name in keys]

    async def models(self, client: Client) -> list[ListedModel]:
        """Returns the models that `client` may call, with the calls left today; this is free."""
        return await self._models.models(client)

    async def ask(
        self,
        client: Client,
        url: str,
        body: Mapping[str, Any],
        *,
        stream: bool = False,
        waits_ms: int | None = None,
    ) -> ClientRequest | Refusal:
        """Starts a call for a client, or refuses it without making one.

        Args:
            client: The client.
            url: The path in OpenAI's API, such as ``/v1/chat/completions``.
            body: The request body, which names a model.
            stream: Whether to stream the reply.
            waits_ms: The longest wait for allowance; None: as the client's settings say.
        """
        model = body["model"]
        models = self._models_for(client, model)
        if models is None:
            return refusals.unserved(model)
        waits = wait_ms(client, self.settings) if waits_ms is None else waits_ms
        question = ClientQuestion(
            client.name, models, url, body, stream, min(waits, LONGEST_WAIT_MS), self._timeout_s
        )
        return await self._host.ask(question)

    async def images(self, answered: Answered, *, as_base64: bool) -> bytes | Refusal:
        """Waits until the images of a reply are made, and returns the body."""
        return await self._images.finished(answered, as_base64=as_base64)

    def refusal(self, outcome: ClientOutcome, model: str) -> Refusal | None:
        """Returns the error to send instead of an answer; None if there is an answer."""
        if isinstance(outcome, NotAdmitted):
            if outcome.waiting is not None:
                return refusals.of_waiting(outcome.waiting, self._clock.now())
            return refusals.unavailable(outcome.why) if outcome.why else refusals.unserved(model)
        if isinstance(outcome, Answered) and outcome.result.verdict.kind is not Kind.DONE:
            return refusals.of_result(outcome.result)
        return None

    def _models_of(self, name: str) -> Models:
        """Returns the function that resolves the models of a client's requests."""
        client = self.clients.named(name)
        accounts_ = accounts.accounts_of(self.settings)

        def models(model: str) -> tuple[str, ...] | None:
            resolved = self._models_for(client, model)
            return resolved if resolved is not None and routes_of(resolved, accounts_) else None

        return models

    def _models_for(self, client: Client, model: str) -> tuple[str, ...] | None:
        """Returns the models that serve the one that `client` names; None if it is not served."""
        if own := client.settings.models:
            return own.get(model)
        return self.settings.serve.models.get(model, (model,))
