"""What ``[job]`` and ``[images]`` may say: which models, how rows share calls, and what is kept.

It knows nothing of prompts or answers.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from runner.core.demand import Rotate
from runner.jobfile.table import Line, Table
from runner.tomlfile import problem

# Jobs in a call of a kind that takes many without being told how: a vector is a vector.
EMBEDDINGS_IN_A_CALL = 16

Kind = Literal["chat", "embedding", "image", "request"]


class Job(Table):
    """``[job]``: what the batch is called, and the models that may answer.

    Attributes:
        name: What people call it; the file's stem unless given.
        kind: What is asked for: ``chat``, an ``embedding``, an ``image``; or a ``request`` as the
            row has it, as in a file for the OpenAI Batch API.
        model: The one model's name, as the provider spells it.
        models: Instead of `model`: several, the preferred one first.
        rotate: Whether the next model is used when the one before is spent, or all of them are.
        priority: Batches with a lower one go first, -100 to 100; those with the same share alike.
        pack: Rows in one call, 1 to 256, or ``auto``: as many as `pack_tokens` hold.
        pack_tokens: Tokens of rows in one call, about, where `pack` is ``auto``.
        check: The share of rows that are asked alone, too, to see what packing costs: 0 to 1.
        reuse: Whether what was answered in another batch is not asked again.
        votes: How often each row is asked, 1 to 15: of several models in turn, if there are any.
        gold: The column that holds the right answers, which the report compares.
    """

    name: Line
    kind: Kind = "chat"
    model: Line | None = None
    models: Annotated[tuple[Line, ...], Field(strict=False, max_length=50)] = ()
    rotate: Annotated[Rotate, Field(strict=False)] = Rotate.PREFER
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    pack: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] | None = None
    pack_tokens: Annotated[int, Field(ge=100, le=1_000_000)] = 4_000
    check: Annotated[float, Field(ge=0, le=1, strict=False)] = 0.0
    reuse: bool = False
    votes: Annotated[int, Field(ge=1, le=15)] = 1
    gold: Line | None = None

    @property
    def choices(self) -> tuple[str, ...]:
        """The models that may answer, the preferred one first."""
        return self.models or (self.model or "",)

    @property
    def rows_in_a_call(self) -> int | Literal["auto"]:
        """How many rows a call may carry."""
        if self.pack is not None:
            return self.pack
        return EMBEDDINGS_IN_A_CALL if self.kind == "embedding" else 1

    @model_validator(mode="after")
    def _names_its_models_once(self) -> Self:
        if (self.model is None) == (not self.models):
            raise problem(
                "needs either a model or a list of models", 'write model = "…" or models = ["…"]'
            )
        if len(set(self.models)) < len(self.models):
            raise problem("a model is named twice in models", "name each model once")
        return self

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.rows_in_a_call != 1 and self.kind in ("image", "request"):
            raise problem(f'kind = "{self.kind}" asks each row alone', "leave out pack")
        if self.check and self.rows_in_a_call == 1:
            raise problem("check compares packed rows with single ones, and nothing is packed")
        words = self.kind == "chat"
        if not words and (self.votes > 1 or self.check or self.gold):
            raise problem(f'votes, check and gold are for kind = "chat", not "{self.kind}"')
        return self


class Images(Table):
    """``[images]``: those that are shown, and those that are made.

    Attributes:
        folder: Where images that are made are put; the job's name, with ``-images``, unless given.
        max_bytes: The largest image that is sent, or kept.
        longest_side: Pixels to which the longer side of an image that is sent is reduced.
    """

    folder: Line | None = None
    max_bytes: Annotated[int, Field(ge=1_000, le=100_000_000)] = 20_000_000
    longest_side: Annotated[int, Field(ge=16, le=16_384)] | None = None
