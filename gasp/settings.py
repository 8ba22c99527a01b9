"""What all subpackages share: the error that users can cause, and the strict settings and YAML that catch it early."""

from __future__ import annotations

import copy
import difflib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from numbers import Integral, Real
from types import UnionType
from typing import Annotated, Any, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent

__all__ = ["MOST_SEEDS", "Count", "GaspError", "RunError", "Seed", "Settings", "Size", "explain", "known_names", "read_yaml"]

# a larger number is a typing error: no machine holds that much
Size = Annotated[int, Field(ge=1, le=4096)]
Count = Annotated[int, Field(ge=1, le=10**7)]
MOST_SEEDS = 2**26  # so that the seeds of scenes that are made from them differ
Seed = Annotated[int, Field(ge=0, lt=MOST_SEEDS)]


class GaspError(ValueError):
    """A request that cannot be met. The message says why in one line, and what to do about it."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(filter(None, map(str.strip, message.splitlines()))))


class RunError(GaspError):
    """A run that cannot go on, for a reason of its own: others can."""


class Settings(BaseModel):
    """Immutable, typed values; an unknown name, a wrong type or an impossible value raises a ``ValidationError``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, ser_json_inf_nan="constants")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Settings from plain values, as in YAML and keyword arguments: a list may stand for a tuple.

        Raises:
            GaspError: for an unknown name, a wrong type or an impossible value.
        """
        try:
            return cls.model_validate_json(json.dumps(values, default=_plain))
        except ValidationError as error:
            raise GaspError(explain(error, cls)) from None

    def changed(self, values: Mapping[str, Any]) -> Self:
        """These settings with some values replaced, checked as strictly."""
        return self.of({**self.model_dump(), **values})


def _plain(value: object) -> int | float | str:
    """The plain number that a number of NumPy stands for; of anything else its text, which validation names."""
    return int(value) if isinstance(value, Integral) else float(value) if isinstance(value, Real) else str(value)


def read_yaml(text: str) -> Any:
    """The plain values of a YAML document.

    Raises:
        GaspError: if the text is not YAML, or has aliases, with which a few lines can expand to more than memory holds.
    """
    return copy.deepcopy(_read_yaml(text))


@lru_cache(maxsize=8)  # a profile takes a third of a second, and is read for every chapter
def _read_yaml(text: str) -> Any:
    try:
        # the parser in C, where it is installed, crashes on deep nesting
        repeats = any(isinstance(event, AliasEvent) for event in YAML(typ="safe", pure=True).parse(text))
        values = None if repeats else YAML(typ="safe", pure=True).load(text)
    except RecursionError:
        raise GaspError("it is nested too deeply") from None
    except (YAMLError, ValueError) as error:  # ValueError: an impossible date or number
        raise GaspError(str(error)) from error
    if repeats:
        raise GaspError("an alias (*) repeats what is written elsewhere: write it out")
    return values


def explain(error: ValidationError, model: type[BaseModel] = BaseModel) -> str:
    """Everything that is wrong with the values, in one line: each key, what was expected and what was found.

    Keys with the same fault, such as a setting that several models have, share one complaint.
    """
    keys: dict[tuple[str, str], list[str]] = {}  # by what stands before and after them
    for fault in error.errors():
        *parents, last = fault["loc"] or ("",)
        key = ".".join(str(part) for part in fault["loc"])
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            complaint = "unknown key ", f": {known_names(str(last), _fields(model, parents))}"
        elif fault["type"] == "missing":
            complaint = "missing key ", ""
        elif fault["type"] == "value_error" and not fault["loc"]:  # keys that contradict each other: the message names them
            complaint = message, ""
        else:
            message = message.replace("a valid array", "a list, such as [0, 1]")
            complaint = "", f": {message[0].lower()}{message[1:]}, not {fault['input']!r}"
        keys.setdefault(complaint, []).append(key)
    return "; ".join(f"{before}{', '.join(found)}{after}" for (before, after), found in keys.items())


def known_names(name: str, known: Sequence[str]) -> str:
    """What to tell someone who gave an unknown name: the known name that is most like it; if none is, all of them."""
    close = difflib.get_close_matches(name, known, 1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"


def _fields(model: type[BaseModel], path: Sequence[str | int]) -> Sequence[str]:
    """The field names of the settings nested at ``path``."""
    for name in path:
        field = model.model_fields.get(str(name))
        if field is None:  # an index into a list or a key of a mapping
            continue
        kinds = [field.annotation]
        while kinds:
            kind = kinds.pop()
            if isinstance(kind, type) and get_origin(kind) is None and issubclass(kind, BaseModel):
                model = kind
            elif get_origin(kind) in (Union, UnionType, dict, tuple):
                kinds.extend(get_args(kind))
    return list(model.model_fields)
