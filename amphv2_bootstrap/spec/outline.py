# SPDX-License-Identifier: Apache-2.0
"""What a flow consists of, as data, and the shape by which two versions know it."""

import hashlib
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Atom:
    """One step: its persisted name, its major version, and what it passes on.

    Only the major version counts: a minor one promises that a step begun by the
    older code can be finished by the newer.
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
        """A digest of all of it; persisted with the jobs."""
        described = [
            [atom.name, atom.version, sorted(atom.requires), sorted(atom.provides)]
            for atom in self.atoms
        ]
        text = json.dumps([self.flow, described], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
