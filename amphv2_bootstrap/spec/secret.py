# SPDX-License-Identifier: Apache-2.0
"""Secrets that do not print themselves."""

from collections.abc import Iterator, Mapping
from functools import cached_property

from amphv2_bootstrap.spec.masking import Masker


class Secret:
    """A text that only :meth:`reveal` shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the call that needs it; never for a message."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))


class Secrets(Mapping[str, Secret]):
    """The secrets of one controller's configuration, by name.

    Names: ``admin_password``, ``persistence_password``, and the name of each
    secret option of Octavia's ``[task_flow]`` (``jobboard_backend_password``,
    ``jobboard_redis_sentinel_password``), ``jobboard_zookeeper_keyfile_password``.
    """

    def __init__(self, values: Mapping[str, str | None]) -> None:
        self._values = {name: Secret(value) for name, value in values.items() if value}

    def __getitem__(self, name: str) -> Secret:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._values))

    def __len__(self) -> int:
        return len(self._values)

    @cached_property
    def masker(self) -> Masker:
        """Masks all of them."""
        return Masker(secret.reveal() for secret in self._values.values())

    def text(self, name: str) -> str | None:
        """The secret's text, or None if it isn't set."""
        secret = self._values.get(name)
        return None if secret is None else secret.reveal()
