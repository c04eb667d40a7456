"""The ``[job]`` and ``[images]`` tables of a job file."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from runner.core.demand import Rotate
from runner.jobfile.kinds import DEFAULT_KIND, KINDS, Answers, Asks, JobKind, KindTraits
from runner.jobfile.text_fields import NonBlank
from runner.language import _
from runner.tomlfile import TomlTable, problem


class JobSpec(TomlTable):
    """``[job]``: the batch's name, the models that may answer, and how they are asked.

    Attributes:
        name: The batch's name in `status`; by default the job file's name.
        kind: What each row asks for: ``chat``, ``embedding`` or ``image``; or ``request``, where
            each row is a whole request, as in a file for the OpenAI Batch API.
        model: The model, as the provider spells it; ``midnight models`` lists them.
        models: Several models instead of `model`, the preferred one first; at most 50.
        rotate: ``prefer`` uses the next model when the one before is spent; ``spread`` uses all of
            them at once.
        priority: Batches with a lower number go first; equal ones share.
        pack: The number of rows in one call. ``auto`` packs as many as fit into `pack_tokens`, at
            most 50. The default is 1, for embeddings 16.
        pack_tokens: The most tokens of rows in one call when `pack` is ``auto``, estimated at
            four bytes each.
        check: The share of packed rows that are also asked alone, to measure how packing affects
            the answers.
        reuse: Whether an answer to the same request in another batch is reused.
        dedupe: Whether equal requests with a temperature, or for several choices, are asked once
            (``kind = "request"``).
        votes: How often each row is asked; several models take turns.
        gold: The column with the right answers, with which the report compares the models'
            answers.
    """

    name: NonBlank
    kind: JobKind = DEFAULT_KIND
    model: NonBlank | None = None
    models: Annotated[tuple[NonBlank, ...], Field(strict=False, max_length=50)] = ()
    rotate: Annotated[Rotate, Field(strict=False)] = Rotate.PREFER
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    pack: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] | None = None
    pack_tokens: Annotated[int, Field(ge=100, le=1_000_000)] = 4_000
    check: Annotated[float, Field(ge=0, le=1, strict=False)] = 0.0
    reuse: bool = True
    dedupe: bool = False
    votes: Annotated[int, Field(ge=1, le=15)] = 1
    gold: NonBlank | None = None

    @property
    def traits(self) -> KindTraits:
        """What its kind asks with and answers."""
        return KINDS[self.kind]

    @property
    def choices(self) -> tuple[str, ...]:
        """The models that may answer, the preferred one first."""
        return self.models or (self.model or "",)

    @property
    def rows_per_call(self) -> int | Literal["auto"]:
        """The most rows in one call, or ``auto``; the default depends on the kind."""
        if self.pack is not None:
            return self.pack
        return self.traits.rows_per_call

    @model_validator(mode="after")
    def _names_its_models_once(self) -> Self:
        if (self.model is None) == (not self.models):
            raise problem(
                _("needs either a model or a list of models"),
                _('write model = "…" or models = ["…"]'),
            )
        if len(set(self.models)) < len(self.models):
            raise problem(_("a model is named twice in models"), _("name each model once"))
        return self

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.rows_per_call != 1 and not self.traits.packs:
            raise problem(
                _('kind = "{kind}" asks each row alone').format(kind=self.kind), _("remove pack")
            )
        if self.dedupe and self.traits.asks is not Asks.REQUEST:
            raise problem(_('dedupe is for kind = "request"'), _("remove dedupe"))
        if self.check and self.rows_per_call == 1:
            raise problem(_("check compares packed rows with single ones, and no row is packed"))
        compared = self.votes > 1 or self.check or self.gold
        if compared and self.traits.answers is not Answers.TEXT:
            raise problem(
                _('votes, check and gold are for kind = "chat", not "{kind}"').format(
                    kind=self.kind
                )
            )
        return self


class ImageSpec(TomlTable):
    """``[images]``: the images that are sent, and those that are generated.

    Attributes:
        folder: The folder for generated images, relative to the working directory. By default the
            job's name with ``-images``, beside the results or in the working directory.
        max_bytes: The size limit, in bytes, of an image that is sent or stored.
        longest_side: The most pixels on either side of an image that is sent; larger ones are
            resized, which needs ``midnight-runner[vision]``. By default none is resized.
        inside_folder: Whether image files are sent only from the dataset's folder. This is always
            so for jobs that are submitted through a browser.
    """

    folder: NonBlank | None = None
    max_bytes: Annotated[int, Field(ge=1_000, le=100_000_000)] = 20_000_000
    longest_side: Annotated[int, Field(ge=16, le=16_384)] | None = None
    inside_folder: bool = False
