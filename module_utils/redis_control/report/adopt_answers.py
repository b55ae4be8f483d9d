"""What a host answers about servers that somebody else set up, before it becomes an inventory. Pure.

The text of an inventory is read by Ansible on the control node, so that a key or a name with a line end in it would be a
variable, and a name with braces a template. Only names that this project knows pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...redis_ops import catalog
from ...redis_ops.model.declaration import KEEP
from ...redis_ops.platform.layout import INSTANCE_NAME, PRODUCTS
from . import answers, shape
from .shape import WrongShape

VALUE = 100_000  # characters of one setting


def _instance(value: Any, place: str) -> str:
    if not isinstance(value, str) or not INSTANCE_NAME.fullmatch(value):
        raise WrongShape(place, value, "the name of an instance")
    return value[:]


def _value(value: Any, place: str) -> str:
    """As it is: a value that is cut would be another one."""
    if not isinstance(value, str) or len(value) > VALUE:
        raise WrongShape(place, value, f"a text of at most {VALUE} characters")
    return value[:]


def _options(value: Any, place: str) -> dict[str, str]:
    """Options of redis.conf with their values."""
    found: dict[str, str] = shape.table(_value, answers.OPTIONS)(value, place)
    for name in found:
        option = catalog.find(name)
        if option is None or option.name != name:
            raise WrongShape(f"{place}: a name", name, "an option that this project knows")
    return found


_entry = shape.record(
    {"name": _instance, "adopt": shape.one_of(KEEP)},
    {"config": _value, "service": _value, "port": shape.whole(0, 65535), "settings": _options},
)
_described = shape.record(
    {
        "instances": shape.items(
            shape.record(
                {
                    "name": _instance,
                    "product": shape.one_of(*PRODUCTS),
                    "entry": _entry,
                    "notes": shape.items(shape.text(answers.TEXT), answers.LINES),
                }
            ),
            answers.INSTANCES,
        ),
        "undescribed": shape.items(shape.text(answers.TEXT), answers.LINES),
        "sealed": _value,
    }
)
_secrets = shape.table(_options, answers.INSTANCES)


def described(said: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of module redis_adopt: instances, undescribed, and the sealed secrets. Raises WrongShape."""
    found: dict[str, Any] = _described(said, "")
    names = [one["name"] for one in found["instances"]]
    # a-b and a_b would share the variable of their secrets
    if len({name.replace("-", "_") for name in names}) < len(names) or names != [
        one["entry"]["name"] for one in found["instances"]
    ]:
        raise WrongShape(
            "instances", said["instances"], "each instance once, with names that differ in more than - and _"
        )
    if len({one["product"] for one in found["instances"]}) > 1:
        raise WrongShape("instances", said["instances"], "one product")
    return found


def secrets_of(opened: Mapping[str, Any], instances: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Instance -> option -> secret. Raises WrongShape, without a secret in its text."""
    found: dict[str, dict[str, str]] = _secrets(opened, "secrets")
    foreign = found.keys() - {one["name"] for one in instances}
    public = {name for options in found.values() for name in options} - {
        option.name for option in catalog.OPTIONS if option.secret
    }
    if foreign or public:
        raise WrongShape("secrets", opened, "secrets of the instances that are described")
    return found
