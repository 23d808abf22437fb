# SPDX-License-Identifier: Apache-2.0
"""``install-key-value-host``: this host runs a server of the key-value backend."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from amphv2_bootstrap.adapters import key_value
from amphv2_bootstrap.adapters.host import addresses, durable_file, packages
from amphv2_bootstrap.adapters.host.restart_marker import RestartMarker
from amphv2_bootstrap.adapters.host.services import Systemd
from amphv2_bootstrap.adapters.install import redis_server, zookeeper_server
from amphv2_bootstrap.adapters.install.server_setup import Layout, WantedFile
from amphv2_bootstrap.errors import BootstrapError, PermanentError, TransientError
from amphv2_bootstrap.steps.base import (
    CHANGED,
    UNCHANGED,
    Change,
    Context,
    Kind,
    Seen,
    Step,
    StepResult,
)

LOG = logging.getLogger(__name__)

INSTALLED = "key-value-server-installed"
"""A file in ``state_path``: this program installed the package."""

_START_SECONDS = 60.0
_POLL_SECONDS = 0.2


class Services(Protocol):
    """What this step needs of the host's services; see :class:`Systemd`."""

    def available(self) -> bool:
        """Whether services can be started here at all."""

    def is_active(self, unit: str) -> bool:
        """Whether the unit runs."""

    def enable(self, unit: str) -> None:
        """Have the unit started at boot."""

    def restart(
        self, units: Sequence[str], cancelled: threading.Event | None = None
    ) -> None:
        """Restart the units and wait until they run."""


class InstallKeyValueHost(Step):
    """Install Redis or ZooKeeper from the distribution's packages, and set it up.

    A server that was installed before is verified, but never reconfigured, since
    others may use it (promise P6). A revert leaves the server installed.

    :param package_system: by default the host's own.
    :param services: what starts the server; by default systemd.
    :param layout: where the server's files are; by default the distribution's.
    """

    atom_name = "install-key-value-host"

    def __init__(
        self,
        context: Context,
        *,
        package_system: packages.Packages | None = None,
        services: Services | None = None,
        layout: Layout | None = None,
    ) -> None:
        super().__init__(context)
        self._package_system = package_system
        self._services: Services = services or Systemd()
        self._layout = layout

    @property
    def aim(self) -> str:
        driver = self.context.spec.driver
        return f"install {driver} and set it up; leave an existing one as it is"

    def look(self, ahead: Collection[str] = ()) -> Seen:
        address, files_in = self._wanted()
        system = self._package_system or packages.detect()
        layout = self._layout or self._distribution_layout(system.family)
        if self._was_there_before(system, layout):
            return Seen(self._judge_as_it_is(layout))
        host, missing = self.context.host.name, _missing(system, layout)
        files = [one for one in files_in(layout) if missing or not one.is_there()]
        changes = [Change(Kind.PACKAGE, host, name) for name in missing]
        changes += [Change(Kind.FILE, host, f"settings in {one.path}") for one in files]
        marker = self._restart_marker(layout)
        is_up = self._services.available() and self._services.is_active(layout.unit)
        if changes or marker.is_set() or not is_up:
            changes.append(Change(Kind.RESTART, host, layout.unit))
        runs = StepResult(UNCHANGED, f"{layout.packages[0]} runs on {address}")
        return Seen(runs, tuple(changes))

    def act(self) -> StepResult:
        """Safe to run twice, and after a crash at any point.

        :raises TransientError: the packages can't be had now, or the server doesn't
            answer in time.
        :raises PermanentError: the server is unfit or unsupported, or can't be started.
        """
        address, files_in = self._wanted()
        system = self._package_system or packages.detect()
        layout = self._layout or self._distribution_layout(system.family)
        if self._was_there_before(system, layout):
            return self._judge_as_it_is(layout)
        self._install(system, layout)
        self._configure(layout, files_in(layout))
        verify = partial(self._verify, address)
        self._start(layout, verify)
        warnings = self._wait_until_fit(verify)
        made = self.intents.all()
        return StepResult(
            CHANGED if made else UNCHANGED,
            f"{layout.packages[0]} runs on {address}",
            warnings=warnings,
            made=made,
        )

    def undo(self, result: StepResult) -> None:
        """Leave the server: others may have begun to use it."""
        if result.made:
            LOG.warning(
                "Left in place on %s: %s. Remove the package by hand if unwanted.",
                self.context.host.name,
                ", ".join(result.made),
            )

    def _wanted(self) -> tuple[str, Callable[[Layout], tuple[WantedFile, ...]]]:
        """The address to listen on, and the function from a layout to its files."""
        spec, secrets = self.context.spec, self.context.secrets
        host = self.context.host.name
        if spec.driver == "redis":
            redis = redis_server.wanted(spec, secrets, host)
            return redis.address, partial(redis_server.wanted_files, redis=redis)
        if spec.driver == "zookeeper":
            keeper = zookeeper_server.wanted(spec, secrets, host)
            files = partial(zookeeper_server.wanted_files, zookeeper=keeper)
            return keeper.address, files
        raise PermanentError(
            "install the key-value backend",
            on=spec.driver,
            why=f"{spec.driver} is only verified, never installed",
            todo="Set it up by hand, with install_key_value_backend = false.",
        )

    def _distribution_layout(self, family: packages.Family) -> Layout:
        if self.context.spec.driver == "redis":
            return redis_server.LAYOUTS[family]
        return zookeeper_server.LAYOUTS[family]

    def _installed_marker(self) -> Path:
        return Path(self.context.host.state_path) / INSTALLED

    def _restart_marker(self, layout: Layout) -> RestartMarker:
        return RestartMarker(self.context.host.state_path, str(layout.config_file))

    def _was_there_before(self, system: packages.Packages, layout: Layout) -> bool:
        return not self._installed_marker().exists() and any(
            system.installed(package) for package in layout.packages
        )

    def _judge_as_it_is(self, layout: Layout) -> StepResult:
        name = layout.packages[0]
        try:
            warnings = key_value.check(self.context.spec, self.context.secrets)
        except BootstrapError as exc:
            away = isinstance(exc, TransientError)
            raise (TransientError if away else PermanentError)(
                "set up the key-value server",
                on=f"{name} on {self.context.host.name}",
                why=f"it was installed before, and isn't fit: {exc.why}",
                todo=f"Others may use it, so it is left alone. {exc.todo} Or remove "
                "the package and resume the job, which installs it anew.",
            ) from exc
        return StepResult(
            UNCHANGED, f"{name} was installed before, and is fit", warnings=warnings
        )

    def _install(self, system: packages.Packages, layout: Layout) -> None:
        missing = _missing(system, layout)
        if not missing:
            return
        marker = str(self._installed_marker())
        durable_file.write_private(marker, b"\n".join(map(str.encode, missing)))
        for name in missing:
            self.intents.add(f"package {name}")
        try:
            system.install(missing)
        except BootstrapError:
            absent = [name for name in missing if not system.installed(name)]
            for name in absent:
                self.intents.remove(f"package {name}")
            if absent == missing:
                durable_file.remove(marker)
            raise

    def _configure(self, layout: Layout, files: tuple[WantedFile, ...]) -> None:
        differing = [file for file in files if not file.is_there()]
        if not differing:
            return
        for file in differing:
            file.check()
        self._restart_marker(layout).set()
        for file in differing:
            self.intents.add(f"settings in {file.path}")
            file.put()

    def _start(self, layout: Layout, verify: Callable[[], tuple[str, ...]]) -> None:
        marker, services = self._restart_marker(layout), self._services
        if services.available():
            if marker.is_set() or not services.is_active(layout.unit):
                services.enable(layout.unit)
                services.restart((layout.unit,), self.context.cancelled)
        elif marker.is_set():
            self._expect_started_by_hand(layout, verify)
        marker.clear()

    def _expect_started_by_hand(
        self, layout: Layout, verify: Callable[[], tuple[str, ...]]
    ) -> None:
        try:
            verify()
        except BootstrapError as exc:
            raise PermanentError(
                f"restart the service {layout.unit}",
                on=self.context.host.name,
                why="systemd doesn't run here, and the server doesn't answer as "
                f"wanted: {exc.why}",
                todo=f"Start the server by hand with {layout.config_file}, then resume "
                "the job.",
            ) from exc

    def _verify(self, address: str) -> tuple[str, ...]:
        """Check the server once.

        An ensemble has no quorum until its other hosts have done this step, so there
        an open port is enough; ``ensure-key-value-backend`` verifies the whole.
        """
        spec = self.context.spec
        if len(spec.key_value_servers) == 1:
            return key_value.check(spec, self.context.secrets)
        port = spec.key_value_servers[0][1]
        if addresses.accepts(address, port, timeout=5.0):
            return ()
        raise TransientError(
            "reach the server just started",
            on=f"{address}, port {port}",
            why="nothing listens there",
            todo="See the service's log on this host.",
        )

    def _wait_until_fit(self, verify: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                return verify()
            except TransientError:
                if time.monotonic() > deadline:
                    raise
            self._pause(_POLL_SECONDS)


def _missing(system: packages.Packages, layout: Layout) -> list[str]:
    return [name for name in layout.packages if not system.installed(name)]
