# SPDX-License-Identifier: Apache-2.0
"""The outline of a flow as data, and its shape, which two versions compare."""

import hashlib
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Atom:
    """One step: its persisted name, its major version, its inputs and results.

    The minor version doesn't count: it promises that new code can finish a step that
    old code began.
    """

    name: str
    version: int = 1
    requires: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outline:
    """A flow's name and its atoms in the order in which they run."""

    flow: str
    atoms: tuple[Atom, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The atoms' names."""
        return tuple(atom.name for atom in self.atoms)

    @property
    def shape(self) -> str:
        """A digest of the outline; persisted with the flow runs."""
        described = [
            [atom.name, atom.version, sorted(atom.requires), sorted(atom.provides)]
            for atom in self.atoms
        ]
        text = json.dumps([self.flow, described], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
