"""The examples of the guides, run in their order against a daemon of their own."""

import os
import re
import subprocess
import sys

import pytest

from conftest import ROOT, binary

GUIDES = ["exclusion", "string-ids", "bias", "filters", "models", "publishing", "selection"]


@pytest.mark.parametrize("guide", GUIDES)
def test_every_example_of_a_guide_runs(guide, own_daemon, tmp_path):
    text = (ROOT / "docs" / f"{guide}.md").read_text("utf-8")
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert [kind for kind, _ in blocks].count("sh") >= 3 and [kind for kind, _ in blocks].count("python") >= 4
    folder = binary("VECCTL_BIN", "vecctl").parent
    environment = os.environ | {
        "VECD_SOCKET": own_daemon.socket, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "Tools" / "python")}
    for kind, text in blocks:
        command = {"sh": ["bash", "-euc", text], "python": [sys.executable, "-c", text]}[kind]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
