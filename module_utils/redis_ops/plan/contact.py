"""How far this project has come with an instance, which decides what happens to options that nobody declares. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping

from .. import catalog
from ..catalog.kinds import Value
from ..catalog.option import Origin


class Contact(enum.Enum):
    """FRESH: nothing of anybody's is there. MANAGED: a run of this project made it what it is.

    FIRST: somebody else's server, and nobody has said what to do with it. KEPT: what is declared is managed, everything
    else stays as it is. REPLACED: somebody else's server was made what the inventory says.
    """

    FRESH = "fresh"
    MANAGED = "managed"
    FIRST = "first contact"
    KEPT = "keep"
    REPLACED = "replace"

    @property
    def takes_defaults(self) -> bool:
        """Whether this project's own defaults, such as bind 127.0.0.1, count where nothing else decides."""
        return self in (Contact.FRESH, Contact.MANAGED)

    @property
    def keeps_undeclared(self) -> bool:
        """Whether everything that nobody declares stays as it is."""
        return self in (Contact.KEPT, Contact.FIRST)


def left(
    contact: Contact, in_file: Mapping[str, Value], applied: Iterable[str], data_location: Iterable[str]
) -> dict[str, Value]:
    """The values of a file that stay although nobody declares them.

    in_file: canonical option name -> value. applied: options that an earlier run declared: without a declaration these
    go back to the default. data_location: options that say where the data is, which stay in any case.
    """
    ours, location = set(applied), set(data_location)

    def stays(name: str) -> bool:
        if name in location:
            return True
        if name in ours or contact is Contact.FRESH:
            return False
        option = catalog.find(name)
        if option is not None and option.origin is not Origin.DECLARED:
            return False  # what the server itself decides: its file may say what was true before a failover
        return contact.keeps_undeclared or (option is not None and catalog.stays(option) and not option.secret)

    return {name: value for name, value in in_file.items() if stays(name)}
