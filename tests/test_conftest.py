"""The fences around the tests hold: a network that is out of reach, a home and settings that are
nobody's.
"""

from __future__ import annotations

import os
import socket
import urllib.request
from pathlib import Path

import pytest


@pytest.mark.parametrize("host", ["198.51.100.7", "2001:db8::7", "example.org"])
def test_other_machines_are_out_of_reach(host):
    with pytest.raises(OSError, match="no network"):
        urllib.request.urlopen(f"http://[{host}]/" if ":" in host else f"http://{host}/", timeout=1)


def test_a_bare_socket_is_fenced_too():
    with socket.socket() as plain, pytest.raises(OSError, match="198.51.100.7"):
        plain.connect(("198.51.100.7", 80))


def test_this_machine_may_talk_to_itself():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


def test_home_is_empty():
    assert list(Path.home().iterdir()) == []


def test_no_setting_of_the_course_is_left():
    assert not [name for name in os.environ if name.startswith("GANCOURSE_")]


def test_torch_runs_on_one_thread():
    import torch

    assert torch.get_num_threads() == 1
