"""An address on which the web cannot listen is told before anything is loaded."""

from __future__ import annotations

import socket

from portal.observability import listening


def test_a_free_port_is_no_obstacle_and_a_taken_one_says_which_setting_to_change() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = int(other.getsockname()[1])
        other.listen()
        told = listening.obstacle("127.0.0.1", port)
        assert told is not None
        assert f"127.0.0.1:{port} 已被占用" in told
        assert "PORTAL_PORT" in told
    assert listening.obstacle("127.0.0.1", port) is None


def test_an_address_of_another_host_is_told() -> None:
    for host in ("192.0.2.1", "no-such-host.invalid"):
        told = listening.obstacle(host, 8000)
        assert told == f"PORTAL_HOST 的值“{host}”不是本机的地址。"
