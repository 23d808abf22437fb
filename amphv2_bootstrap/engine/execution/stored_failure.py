# SPDX-License-Identifier: Apache-2.0
"""What is stored of a step's failure: nothing that a library said."""

from collections.abc import Mapping
from typing import Any

from taskflow.types.failure import Failure

from amphv2_bootstrap.errors import BootstrapError, UnexpectedError


def described(failure: Failure) -> str:
    """Our own error's text; of another error only type and place."""
    if failure.check(BootstrapError):
        return str(failure.exception_str)
    name = failure.to_dict()["exc_type_names"][0].rpartition(".")[2]
    return str(UnexpectedError.at("carry it out", name, failure.traceback_str or ""))


def stored(failure: Mapping[str, Any]) -> dict[str, Any]:
    """taskflow's form of a failure, without arguments, causes and foreign texts.

    Causes are errors of libraries: their texts may hold secrets.
    """
    text = described(Failure.from_dict(dict(failure)))
    return {**failure, "exception_str": text, "exc_args": (), "causes": []}
