"""The examples of docs/filters.md, run in their order against a daemon of their own."""

import os
import re
import subprocess
import sys

from conftest import ROOT, binary

GUIDE = ROOT / "docs" / "filters.md"


def test_every_example_of_the_guide_runs(own_daemon, tmp_path):
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert [kind for kind, _ in blocks].count("sh") >= 3 and [kind for kind, _ in blocks].count("python") >= 4
    folder = binary("VECCTL_BIN", "vecctl").parent
    environment = os.environ | {
        "VECD_SOCKET": own_daemon.socket, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "Tools" / "python")}
    for kind, text in blocks:
        command = {"sh": ["bash", "-euc", text], "python": [sys.executable, "-c", text]}[kind]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
