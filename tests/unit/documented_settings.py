"""What is wrong with an ansible.cfg that a document shows."""

from __future__ import annotations

import configparser
from collections.abc import Iterator

from ansible import constants
from specs import COLLECTION, ROOT


def problems(text: str) -> list[str]:
    """One line for everything that is wrong: settings that ansible-core does not have, and callbacks that nobody has."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error as error:
        return [f"is no file of settings: {error}"]
    return [
        problem
        for section in parser.sections()
        for name, value in parser.items(section)
        for problem in _of_setting(section, name, value)
    ]


def _of_setting(section: str, name: str, value: str) -> Iterator[str]:
    definitions = constants.config.get_configuration_definitions().values()
    known = {(place["section"], place["key"]) for one in definitions for place in one.get("ini", [])}
    if (section, name) not in known:
        yield f"{name}: no setting of ansible-core in [{section}]"
    if name == "callbacks_enabled":
        for callback in value.split(","):
            file = callback.strip().removeprefix(f"{COLLECTION}.")
            if not (ROOT / "callback_plugins" / f"{file}.py").is_file():
                yield f"{callback.strip()}: no such callback"
