# SPDX-License-Identifier: Apache-2.0
"""``amphv2-conductor``: the daemon that carries flows out."""

import contextlib
import faulthandler
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from amphv2_bootstrap.adapters.host import service_notify
from amphv2_bootstrap.cmd import exit_codes
from amphv2_bootstrap.engine.errors import DatabaseError
from amphv2_bootstrap.errors import BootstrapError, InvalidInputError, TransientError
from amphv2_bootstrap.spec.masking import NOTHING_SECRET

if TYPE_CHECKING:
    from oslo_config import cfg

    from amphv2_bootstrap.cmd.runtime import Runtime
    from amphv2_bootstrap.conf.build import Loaded
    from amphv2_bootstrap.engine.conductor.conductor import Conductor

LOG = logging.getLogger(__name__)

_START_PAUSE = 5.0
# oslo.config fills each of the last two into one paragraph.
_HELP = {
    "prog": "amphv2-conductor",
    "usage": "%(prog)s [--config-file PATH] [OPTION...]",
    "description": (
        "Carry out on this host what 'amphv2-bootstrap post-job' posts, until it is "
        "stopped. Run it as root on every controller, with the configuration in "
        "/etc/amphv2-bootstrap/amphv2-bootstrap.conf. SIGTERM lets running steps end, "
        "and gives their flows back; a second one interrupts the steps. SIGHUP has it "
        "read its configuration again, and SIGUSR2 write what each thread is doing. "
        "Exit codes: 0 stopped; 1 failed; 2 bad usage or configuration."
    ),
    "epilog": "Example: amphv2-conductor --config-file amphv2-bootstrap.conf",
}


class _Signals:
    """What signals ask the process for: an end, or a restart to read its files.

    :param is_right: reads the configuration anew, and says whether it can be used.
    """

    def __init__(self, is_right: Callable[[], bool]) -> None:
        self.stopping = threading.Event()
        self.ending = False
        self.conductor: Conductor | None = None
        self._is_right = is_right
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        signal.signal(signal.SIGHUP, self._reload)

    def _end(self, *_: object) -> None:
        again, self.ending = self.ending, True
        self._stop(now=again)

    def _reload(self, *_: object) -> None:
        # In a thread: a handler must not wait for a lock of the main thread.
        threading.Thread(target=self._reload_if_right, daemon=True).start()

    def _reload_if_right(self) -> None:
        if self._is_right() and not self.stopping.is_set():
            self._stop(now=False)

    def _stop(self, *, now: bool) -> None:
        self.stopping.set()
        if self.conductor is not None:
            action = self.conductor.stop_now if now else self.conductor.stop
            threading.Thread(target=action, daemon=True).start()


def main(argv: Sequence[str] | None = None) -> int:
    """The console script: runs until SIGTERM; SIGHUP restarts it.

    SIGTERM lets running steps end for at most ``grace_period`` seconds, gives their
    flows back and exits; a second SIGTERM interrupts the steps. A step that does not
    stop is left behind after some seconds. SIGHUP does the same and starts anew, if
    the configuration can be used; otherwise it logs what is wrong and does nothing.
    SIGUSR2 writes to stderr what each thread is doing.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    os.umask(0o077)
    faulthandler.register(signal.SIGUSR2)
    signals = _Signals(lambda: _is_right(arguments))
    masker = NOTHING_SECRET
    try:
        runtime = _prepared(arguments)
        masker = runtime.masker
        service_notify.ready()
        with _status_page(runtime):
            while not signals.ending:
                _serve(runtime, signals)
                # In this order: a signal from here on is not forgotten.
                signals.stopping.clear()
                # Once more: the file may have changed while the steps ended.
                if not signals.ending and _is_right(arguments):
                    _restart(arguments)
    except BootstrapError as exc:
        print(masker.text(exit_codes.message_of(exc)), file=sys.stderr)
        return exit_codes.code_of(exc)
    service_notify.stopping()
    return exit_codes.DONE


def _restart(arguments: Sequence[str]) -> None:
    """Replace this process by a new one that reads the configuration."""
    LOG.info("Restarting to read the configuration again")
    # Stays ignored in the new program until it handles it: it would end it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.execv(sys.executable, [sys.executable, *_command_line(arguments)])  # noqa: S606


def _command_line(arguments: Sequence[str]) -> list[str]:
    return ["-m", "amphv2_bootstrap.cmd.daemon", *arguments]


def _is_right(arguments: Sequence[str]) -> bool:
    """Whether the configuration can be used now; logs every problem of it."""
    try:
        _loaded(arguments)
    except InvalidInputError as exc:
        for problem in exc.problems:
            LOG.error("The configuration can't be used: %s", problem)
        LOG.error(
            "The running configuration stays. Correct the new one, then send SIGHUP "
            "again."
        )
        return False
    return True


def _loaded(arguments: Sequence[str]) -> "tuple[cfg.ConfigOpts, Loaded]":
    from amphv2_bootstrap.conf.build import build
    from amphv2_bootstrap.conf.loading import load

    conf = load(arguments, **_HELP)
    return conf, build(conf)


def _prepared(arguments: Sequence[str]) -> "Runtime":
    """The configuration read, and logging set up as it says."""
    from amphv2_bootstrap.cmd.runtime import Runtime

    conf, loaded = _loaded(arguments)
    runtime = Runtime(loaded)
    _set_up_logging(conf, runtime)
    for warning in loaded.warnings:
        LOG.warning("%s", warning)
    return runtime


@contextlib.contextmanager
def _status_page(runtime: "Runtime") -> Iterator[None]:
    """Served in the block, also while the database is away; no error of it is ours."""
    page = runtime.status_page()
    if page is not None:
        page.start()
    try:
        yield
    finally:
        if page is not None:
            page.stop()


def _serve(runtime: "Runtime", signals: _Signals) -> None:
    _wait_for_database(runtime, signals.stopping)
    if signals.stopping.is_set():
        return
    _warn_of_risks(runtime)
    conductor = runtime.conductor()
    signals.conductor = conductor
    LOG.info("Conductor %s serves host %s", runtime.owner, runtime.loaded.host.name)
    if not signals.stopping.is_set():
        conductor.run()
    LOG.info("Conductor %s has stopped", runtime.owner)


def _warn_of_risks(runtime: "Runtime") -> None:
    try:
        for risk in runtime.risks():
            LOG.warning("%s", risk)
    except BootstrapError as exc:
        LOG.info("Not known what a fail-over may lose: %s", exc)


def _set_up_logging(conf: "cfg.ConfigOpts", runtime: "Runtime") -> None:
    from oslo_log import log

    from amphv2_bootstrap.cmd import logs

    log.setup(conf, "amphv2-bootstrap")
    logs.set_up(runtime.masker)
    threading.excepthook = logs.log_unhandled
    if not conf.debug:
        logs.quieten()


def _wait_for_database(runtime: "Runtime", stopping: threading.Event) -> None:
    """Wait until the database is there and has its tables (promise P4)."""
    while not stopping.is_set():
        runtime.alive()
        try:
            _ = runtime.database
        except (TransientError, DatabaseError) as exc:
            LOG.warning("%s; trying again", exc)
            stopping.wait(_START_PAUSE)
        else:
            return


if __name__ == "__main__":
    sys.exit(main())
