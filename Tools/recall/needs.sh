# shellcheck shell=bash
# What Tools/recall needs, installed into the repository's .venv where it is missing. Sourced by pipeline and test.

source "$(dirname "${BASH_SOURCE[0]}")/../install-needs.sh"

RECALL_PACKAGES=(
  "numpy>=1.24" "pyarrow>=15" "onnx>=1.16" "onnxruntime>=1.17" "safetensors>=0.4" "matplotlib>=3.8" "rich>=13"
  "starlette>=0.37" "uvicorn>=0.29" "redis>=5"
)

# need_recall [PACKAGE...]: the packages of the pipeline and the service, and more if named.
need_recall() {
  local modules=("${RECALL_PACKAGES[@]}" "$@")
  modules=("${modules[@]%%[<>=]*}")
  # Looked for, not imported: that takes seconds with these.
  "$VENV/bin/python" -c "import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in sys.argv[1:]))" \
    torch "${modules[@]//-/_}" >/dev/null 2>&1 && return
  need_python pip  # the environment itself
  _need_torch
  need_python "${RECALL_PACKAGES[@]}" "$@"
}

# The CPU build of torch: PyPI's default brings 4 GB of CUDA. From pytorch.org when it answers, else from wheels that pip is
# configured to find here, and only then PyPI's default.
_need_torch() {
  "$VENV/bin/python" -c "import torch" >/dev/null 2>&1 && return
  say "Installing torch (CPU) into .venv"
  local pip=("$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-input) cpu=https://download.pytorch.org/whl/cpu
  if "$VENV/bin/python" -c "import urllib.request as u; u.urlopen('$cpu/', timeout=10)" >/dev/null 2>&1; then
    "${pip[@]}" torch --index-url "$cpu" </dev/null && return
  fi
  "${pip[@]}" --no-index --no-deps torch </dev/null >/dev/null 2>&1 || true
  "${pip[@]}" torch </dev/null || die "pip could not install torch"
}

# Debian's Chromium: the tests open the page of the service and the report in it.
need_browser() {
  command -v chromium >/dev/null 2>&1 || _apt_install chromium
}

# Debian's Redis, for the tests of the service and to try it. The service itself needs only the address of one.
need_redis() {
  command -v redis-server >/dev/null 2>&1 || _apt_install redis-server
}
