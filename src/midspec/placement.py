"""Where the stages of an experiment run, by kind, as its file and the command line say it."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from pydantic import ValidationError, model_validator

from midspec.errors import ConfigError
from midspec.parts import Strict, flag_error
from midspec.resources import Resources


class StageResources(Strict):
    """What stages run on: what is set outside of a kind holds for all. Interleaved steps are a
    midtraining; evals, and replies of the base model, take one process of theirs."""

    midtrain: Resources = Resources()
    """Of midtraining, and of interleaved steps."""
    finetune: Resources = Resources()
    """Of fine-tuning."""
    evals: Resources = Resources()
    """Of evals; they take one process."""

    @model_validator(mode="before")
    @classmethod
    def _for_all(cls, value: Any) -> Any:
        kinds = cls.model_fields
        if not isinstance(value, dict) or not all(
            isinstance(value.get(kind, {}), dict) for kind in kinds
        ):
            return value
        shared = {key: set_to for key, set_to in value.items() if key not in kinds}
        return {kind: shared | value.get(kind, {}) for kind in kinds}

    def of(self, kind: str) -> Resources:
        """Those of a kind of step, or of evals."""
        if kind == "evals":
            return replace(self.evals, processes=1, machines=1)
        return self.finetune if kind == "finetune" else self.midtrain

    def changed(self, given: Mapping[str, object]) -> "StageResources":
        """With what the command line says, for every kind; a wrong value is a ConfigError."""
        mine = {kind: {**asdict(getattr(self, kind)), **given} for kind in type(self).model_fields}
        try:
            return StageResources.model_validate(mine)
        except ValidationError as error:
            wrong = {e["loc"][-1]: {**e, "loc": e["loc"][-1:]} for e in error.errors()}
            raise ConfigError("\n".join(map(flag_error, wrong.values()))) from error
