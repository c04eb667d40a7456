"""One well-formed call with its draws; generates its reply bodies."""

from __future__ import annotations

from functools import partial

from runner.simulator.answer_text import PROSE
from runner.simulator.answers import answer_with_faults, styled
from runner.simulator.chat import ChatRequest
from runner.simulator.config import STYLES, SimulatorConfig
from runner.simulator.draws import CallDraws
from runner.simulator.embeddings import EmbeddingRequest
from runner.simulator.images import ImageRequest
from runner.simulator.prompt_parser import requested_answer
from runner.simulator.requests import CallRequest


class SimulatedCall:
    """One call.

    Args:
        config: The provider's configuration.
        request: The request.
        draws: The random draws of the call.
        request_id: The id of the call, which is also the id of its image task.
        now_ms: The time of its arrival.
        in_flight: The number of calls that the models work on, including this one.

    Attributes:
        latency_ms: The latency of its answer under the present load.
        image_urls: The URLs of its images, if the call lasts until they are done.
    """

    __slots__ = (
        "_content",
        "config",
        "draws",
        "image_urls",
        "latency_ms",
        "now_ms",
        "request",
        "request_id",
    )

    def __init__(
        self,
        config: SimulatorConfig,
        request: CallRequest,
        draws: CallDraws,
        request_id: str,
        now_ms: int,
        in_flight: int = 1,
    ) -> None:
        self.config = config
        self.request = request
        self.draws = draws
        self.request_id = request_id
        self.now_ms = now_ms
        self.latency_ms = loaded_latency_ms(draws.latency_ms, in_flight, config.parallel)
        self.image_urls: tuple[str, ...] = ()
        self._content: str | None = None

    @property
    def content_type(self) -> str:
        """The media type of its answer."""
        request = self.request
        return request.content_type if isinstance(request, ChatRequest) else "application/json"

    def body(self) -> bytes:
        """Returns the body of its answer."""
        request = self.request
        if isinstance(request, ChatRequest):
            return request.completion(self._chat_content(request), self.request_id, self.now_ms)
        if isinstance(request, EmbeddingRequest):
            return request.body(bad=self.draws.fault == "bad_answer")
        if request.in_task:
            return request.task_started(self.request_id)
        return request.images(self.image_urls, self.now_ms)

    def tokens(self) -> int:
        """Returns the tokens of its prompt and its answer; 0 for images."""
        request = self.request
        if isinstance(request, ChatRequest):
            return request.tokens(self._chat_content(request))
        return 0 if isinstance(request, ImageRequest) else request.tokens()

    def empty_body(self) -> bytes:
        """Returns the body of a reply with status 200 but without content."""
        request = self.request
        if isinstance(request, ChatRequest):
            return request.empty_body(self.now_ms)
        return request.empty_body()

    def _chat_content(self, request: ChatRequest) -> str:
        if self._content is None:
            self._content = self._make_content(request)
        return self._content

    def _make_content(self, request: ChatRequest) -> str:
        if self.draws.fault == "bad_answer":
            return PROSE
        config, draws, messages = self.config, self.draws, request.messages
        faults = config.item_faults if config.faults else config.faults
        random = partial(draws.random_for, "items")
        text = answer_with_faults(messages, faults, random, request.digest)
        style: str = config.answer_style
        if style == "plain":
            return text
        if style == "mixed":
            style = draws.random_for("style").choice(STYLES)
        return styled(text, style, requested_answer(messages))


def loaded_latency_ms(latency_ms: int, in_flight: int, parallel: int | None) -> int:
    """Returns latency_ms * max(1, in_flight / parallel), rounded up."""
    if parallel is None or in_flight <= parallel:
        return latency_ms
    return -(-latency_ms * in_flight // parallel)
