# SPDX-License-Identifier: Apache-2.0
"""Makes one call of a library raise an error while a job is carried out.

Python runs this module at its start if PYTHONPATH names this folder. ``THROWER`` is a
JSON object: ``target`` is the call and ``error`` its error, both ``MODULE:NAME``,
``arguments`` are the error's, ``within`` is a part of the path of a module that must
be on the stack, ``marker`` a file that tells that it was raised.
"""

import functools
import importlib
import json
import os
import sys
from types import FrameType
from typing import Any

_TIMES = 3


def _found(path: str) -> Any:
    module, _, names = path.partition(":")
    return functools.reduce(getattr, names.split("."), importlib.import_module(module))


def _is_within(part: str) -> bool:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if part in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False


def _install(wanted: dict[str, Any]) -> None:
    module, _, names = wanted["target"].partition(":")
    owner, _, name = names.rpartition(".")
    place = _found(f"{module}:{owner}") if owner else importlib.import_module(module)
    real, kind = getattr(place, name), _found(wanted["error"])
    left = _TIMES

    @functools.wraps(real)
    def call(*arguments: Any, **options: Any) -> Any:
        nonlocal left
        if left and _is_within(wanted["within"]):
            left -= 1
            os.close(os.open(wanted["marker"], os.O_CREAT | os.O_WRONLY))
            raise kind(*wanted["arguments"])
        return real(*arguments, **options)

    setattr(place, name, call)


_wanted = json.loads(os.environ.get("THROWER", "{}"))
if _wanted and sys.prefix == _wanted["prefix"]:
    _install(_wanted)
