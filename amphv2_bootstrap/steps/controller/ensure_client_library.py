# SPDX-License-Identifier: Apache-2.0
"""``ensure-client-library``: Octavia's Python can import the backend's client."""

import shlex
from collections.abc import Callable, Collection, Sequence
from functools import partial

from amphv2_bootstrap.adapters.host import packages
from amphv2_bootstrap.adapters.host.restart_marker import RestartMarker
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.adapters.octavia import introspection
from amphv2_bootstrap.adapters.octavia.interpreter import interpreter_of, is_command
from amphv2_bootstrap.adapters.octavia.service_user import service_user
from amphv2_bootstrap.adapters.octavia.site import asking_once
from amphv2_bootstrap.errors import PermanentError
from amphv2_bootstrap.spec.task_flow_tls import OTHER_KAZOO
from amphv2_bootstrap.steps import checked_command
from amphv2_bootstrap.steps.base import (
    CHANGED,
    NOT_APPLICABLE,
    UNCHANGED,
    Change,
    Context,
    Kind,
    Seen,
    Step,
    StepResult,
)
from amphv2_bootstrap.steps.canary import prepare
from amphv2_bootstrap.steps.octavia_file import refuse_unwritable

_INSTALL_TIMEOUT = 900.0
_PACKAGES = {
    "redis": "python3-redis",
    "zookeeper": "python3-kazoo",
    "etcd": "python3-etcd3gw",
}


class EnsureClientLibrary(Step):
    """Import the driver in Octavia's Python; install the library if allowed.

    Also imports it as the user that runs Octavia's services, if systemd knows it. A
    revert leaves the library installed: others may use it by then.
    """

    atom_name = "ensure-client-library"

    def __init__(self, context: Context, systemd: Systemd | None = None) -> None:
        super().__init__(context)
        self._systemd = systemd or Systemd()

    @property
    def aim(self) -> str:
        library = f"the {self.context.spec.driver} client library"
        if self.context.host.install_client_library == "never":
            return f"check that Octavia's Python has {library}"
        return f"install {library} where Octavia's Python lacks it"

    def look(self, ahead: Collection[str] = ()) -> Seen:
        driver = self.context.spec.driver
        python = interpreter_of(self.context.host)
        if python is None:
            return Seen(
                StepResult(
                    NOT_APPLICABLE,
                    "Octavia isn't installed as Python on this host",
                    warnings=(
                        f"Whether Octavia has the {driver} client library was not "
                        f"checked: its image needs octavia[{driver}].",
                    ),
                )
            )
        why = _obstacle(self.context, python, self._systemd)
        if not why:
            there = f"{python} can import the {driver} driver"
            return Seen(StepResult(UNCHANGED, there))
        _refuse_to_install(self.context, python, why)
        refuse_unwritable(self.context)
        change = self._installation(python)
        done = f"installed the {driver} client library: {python}"
        return Seen(StepResult(CHANGED, done), (change,))

    def act(self) -> StepResult:
        prepare(self.context)  # the flow's canary
        return super().act()

    def _installation(self, python: str) -> Change:
        if self.context.host.install_client_library == "pip":
            pip = _pip_command(self.context, python)
            kind, text = Kind.COMMAND, shlex.join(pip)
            run = partial(_run_pip, self.context, pip)
        else:
            kind, text = Kind.PACKAGE, _PACKAGES[self.context.spec.driver]
            run = partial(_install_package, text)
        install = partial(self._install, python, text, run)
        return Change(kind, self.context.host.name, text, install)

    def _install(self, python: str, done: str, run: Callable[[], None]) -> None:
        self.context.head_start.drop()
        # Running services still use the libraries as they were.
        RestartMarker(self.context.host.state_path, self.context.host.config_file).set()
        run()
        with asking_once():  # anew
            why = _obstacle(self.context, python, self._systemd)
        if why:
            todo = f"Installing it ({done}) wasn't enough: install it by hand."
            raise _failed(self.context, python, why, todo)


def _run_pip(context: Context, pip: Sequence[str]) -> None:
    attempted = "install the client library"
    checked_command.run(context, pip, attempted=attempted, timeout=_INSTALL_TIMEOUT)


def _install_package(name: str) -> None:
    packages.detect().install((name,))


def refuse_missing_library(context: Context, systemd: Systemd | None = None) -> None:
    """Refuse a host on which the step would fail; change nothing.

    :raises PermanentError: the library is missing, and may not or can't be installed.
    """
    python = interpreter_of(context.host)
    if python is None:
        return
    why = _obstacle(context, python, systemd or Systemd())
    if why:
        _refuse_to_install(context, python, why)


def _obstacle(context: Context, python: str, systemd: Systemd) -> str:
    """Why that Python's Octavia can't use its driver; empty if it can."""
    user, spec = service_user(context.host, systemd), context.spec
    ready, why = introspection.can_import_driver(python, spec.driver, user)
    return introspection.tls_obstacle(python, spec.task_flow) if ready else why


def _refuse_to_install(context: Context, python: str, why: str) -> None:
    how, driver = context.host.install_client_library, context.spec.driver
    if is_command(python):
        todo = (
            "What is installed in a container is gone with it: build its image "
            f"with octavia[{driver}]."
        )
        raise _failed(context, python, why, todo)
    installer = None if how == "packages" else _installer_of(python)
    if installer:
        # Its Python has no pip, or one that refuses to mix with packages.
        todo = (
            "Octavia there is the distribution's package. Run: "
            f"{installer} install {_PACKAGES[driver]}. Or set "
            "install_client_library = packages."
        )
        raise _failed(context, python, why, todo)
    if how == "never":
        pip = shlex.join(_pip_command(context, python))
        raise _failed(context, python, why, f"Run: {pip}")


def _installer_of(python: str) -> str | None:
    """The installer of the package that contains Octavia; None if none does."""
    place = introspection.place(python)
    return packages.installer_of(place) if place else None


def _pip_command(context: Context, python: str) -> tuple[str, ...]:
    """The extra of the taskflow that is installed names the right client."""
    taskflow = introspection.versions(python)["taskflow"]
    if taskflow is None:
        raise _failed(
            context,
            python,
            "taskflow isn't installed there",
            "Check the [octavia] python option: it must be Octavia's interpreter.",
        )
    spec = context.spec
    wanted = [f"taskflow[{spec.driver}]=={taskflow}"]
    if introspection.tls_obstacle(python, spec.task_flow):
        wanted.append(OTHER_KAZOO)
    return (python, "-m", "pip", "install", *wanted)


def _failed(context: Context, python: str, why: str, todo: str) -> PermanentError:
    return PermanentError(
        f"use Octavia's {context.spec.driver} driver", on=python, why=why, todo=todo
    )
