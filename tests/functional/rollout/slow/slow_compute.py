# SPDX-License-Identifier: Apache-2.0
"""A compute driver of Octavia with virtual machines that take a while to boot.

``SLOW_COMPUTE`` names a folder that all hosts share. Its file ``seconds`` says how long
a machine boots; each machine is a file, with the name of the host that asked for it.
"""

import os
import time
from pathlib import Path
from typing import Any

from octavia.common import constants, data_models
from octavia.compute.drivers.noop_driver import driver
from oslo_config import cfg


class SlowComputeDriver(driver.NoopComputeDriver):  # type: ignore[misc]
    """Octavia's no-op driver, but not at once."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = Path(os.environ["SLOW_COMPUTE"])

    def build(self, *arguments: Any, **options: Any) -> Any:
        built = super().build(*arguments, **options)
        (self._folder / str(built)).write_text(cfg.CONF.host)
        return built

    def get_amphora(self, compute_id: str, *arguments: Any) -> Any:
        seconds = float((self._folder / "seconds").read_text())
        age = time.time() - (self._folder / compute_id).stat().st_mtime
        if age < seconds:
            booting = data_models.Amphora(
                compute_id=compute_id, status=constants.AMPHORA_BOOTING
            )
            return booting, None
        return super().get_amphora(compute_id, *arguments)
