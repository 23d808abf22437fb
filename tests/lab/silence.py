# SPDX-License-Identifier: Apache-2.0
"""Shows that a host of the lab can vanish: its peers get no FIN, no RST, no answer.

The tests start it in namespaces of its own.
"""

import socket
import sys

from tests.lab.machine import Machine, build_bridge

_CLIENT = """\
import socket
with socket.create_connection(("10.77.0.254", 5000)) as peer:
    peer.sendall(b"here")
    peer.recv(1)
"""


def main() -> None:
    """A connection from a machine: cut, healed, and then without power."""
    build_bridge()
    machine = Machine("ctl1", 1)
    with socket.create_server(("10.77.0.254", 5000)) as listening:
        machine.power_on()
        client = machine.spawn([sys.executable, "-c", _CLIENT])
        peer, _ = listening.accept()
        with peer:
            assert peer.recv(4) == b"here"
            machine.cut()
            assert not _answers(machine), "packets pass while it is cut off"
            machine.heal()
            assert _answers(machine), "no packets pass after it is healed"
            machine.power_off()
            client.wait(20)
            peer.settimeout(1)
            try:
                found = peer.recv(1)
            except TimeoutError:
                return
            raise AssertionError(f"the peer got {found!r} from a host without power")


def _answers(machine: Machine) -> bool:
    """Whether the machine refuses a connection, which takes two packets."""
    try:
        socket.create_connection((machine.address, 9), 2).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
