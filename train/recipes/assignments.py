"""A recipe changed by ``key=value`` texts, and as plain values for a file."""

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from recon.errors import UsageError
from train.recipes.recipe import Recipe

WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", tuple: "a list"}
FIXED = ("name", "about")

Value = TypeVar("Value")


def changed(recipe: Recipe, assignments: Sequence[str]) -> Recipe:
    """The recipe with ``optimisation.rate=1e-4`` and the like applied, in order; ``none`` means none.

    Raises:
        UsageError: no such key, or a value that it cannot have.
    """
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError(f"--set {assignment}: no '='; write key=value, as in optimisation.rate=1e-4")
        try:
            recipe = _set(recipe, key.strip().split("."), text.strip(), key.strip())
        except (ValueError, TypeError) as error:
            raise UsageError(f"--set {assignment}: {error}; choose another value") from error
    return recipe


def keys_of(recipe: Recipe) -> list[str]:
    """Every key that ``changed`` takes for this recipe."""
    return [key for key in plain(recipe) if key not in FIXED]


def plain(recipe: Recipe) -> dict[str, Any]:
    """The recipe as one level of names and JSON values."""
    return _flat(recipe, "")


def _flat(value: Any, prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        inner = getattr(value, field.name)
        if dataclasses.is_dataclass(inner):
            found.update(_flat(inner, f"{prefix}{field.name}."))
        else:
            found[prefix + field.name] = _thawed(inner)
    return found


def _thawed(value: Any) -> Any:
    return [_thawed(part) for part in value] if isinstance(value, tuple) else value


def _set(value: Value, path: Sequence[str], text: str, key: str) -> Value:
    name, *rest = path
    known = {field.name for field in dataclasses.fields(value)}  # type: ignore[arg-type]
    inner = getattr(value, name, None) if name in known else None
    if name not in known or name in FIXED or bool(rest) != dataclasses.is_dataclass(inner):
        raise UsageError(f"--set {key}: a recipe has no such key; --list --recipe NAME shows the keys of one")
    new = _set(inner, rest, text, key) if rest else _read(text, inner)
    return dataclasses.replace(value, **{name: new})  # type: ignore[type-var]


def _read(text: str, present: object) -> object:
    """The text as a value of the kind that is there now; names need no quotation marks."""
    if text == "none":
        return None if isinstance(present, str | None) else _refuse(text, type(present))
    if isinstance(present, str | None):
        return text
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    kind = type(present)
    if kind is float and type(value) is int:
        value = float(value)
    if kind is tuple:
        value = _frozen(value)
    return value if type(value) is kind else _refuse(text, kind)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _refuse(text: str, kind: type) -> object:
    raise ValueError(f"{text!r} is not {WORDS[kind]}")


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The keys whose values differ, with both, in words."""
    return [
        f"{key} {old.get(key)!r} there, {new.get(key)!r} here"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]
