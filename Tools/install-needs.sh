# shellcheck shell=bash
# What building and testing vecd needs, installed where it is missing. Sourced by Tools/test, Tools/quickstart and
# Tools/bench/run. Made for Debian 12; on other systems it names what is missing and stops.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV="$ROOT/.venv"

say() { printf '\n==> %s\n' "$*"; }
die() { printf '\nerror: %s\n' "$*" >&2; exit 1; }
# Echoes a command as it would be typed, then runs it.
show() { printf '$ %s\n' "$(printf '%q ' "$@" | sed 's/ $//')"; "$@"; }

# Each line: the Debian package, and a command that succeeds when it is there. The first ones are what a Swift toolchain
# unpacked on a bare Debian lacks, then the two libraries vecd is built on, then what the crash tests use, then Python.
_needs() {
  cat <<'LIST'
libc6-dev         compgen -G "/usr/include/*/gnu/libc-version.h" || test -e /usr/include/stdio.h
libstdc++-12-dev  compgen -G "/usr/lib/gcc/*/*/libstdc++.so"
binutils          command -v ld
git               command -v git
ca-certificates   test -e /etc/ssl/certs/ca-certificates.crt
libcurl4          /sbin/ldconfig -p | grep -q "libcurl[.]so[.]4"
libxml2           /sbin/ldconfig -p | grep -q "libxml2[.]so[.]2"
libncurses6       /sbin/ldconfig -p | grep -q "libncurses[.]so[.]6"
libsqlite3-dev    pkg-config --exists sqlite3
liblz4-dev        pkg-config --exists liblz4
libxxhash-dev     pkg-config --exists libxxhash
strace            command -v strace
e2fsprogs         PATH="$PATH:/usr/sbin:/sbin" command -v mkfs.ext4
mount             command -v mount
python3           command -v python3
python3-venv      python3 -c "import ensurepip, venv"
LIST
}

install_needs() {
  local missing=() package check
  command -v pkg-config >/dev/null 2>&1 || missing+=(pkg-config)
  while read -r package check; do
    if [[ $check == pkg-config* && " ${missing[*]} " == *" pkg-config "* ]]; then
      missing+=("$package")  # cannot be asked yet; apt-get leaves installed packages alone
    else
      bash -c "$check" </dev/null >/dev/null 2>&1 || missing+=("$package")
    fi
  done < <(_needs)
  if ((${#missing[@]})); then _apt_install "${missing[@]}"; fi
  command -v swift >/dev/null 2>&1 ||
    die "there is no swift in PATH; install Swift 6.3 or later (https://www.swift.org/install/linux/) and add its usr/bin to PATH"
}

_apt_install() {
  command -v apt-get >/dev/null 2>&1 || die "these packages are missing (Debian's names): $*; install them and run this again"
  local as=()
  if [[ $(id -u) != 0 ]]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null </dev/null; then
      as=(sudo -n)
    elif command -v sudo >/dev/null 2>&1 && [[ -t 0 ]]; then
      as=(sudo)  # asks for the password
    else
      die "these packages are missing: $*; as root run: apt-get install -y --no-install-recommends $*"
    fi
  fi
  say "Installing $*"
  "${as[@]}" apt-get update -qq </dev/null || die "apt-get update failed"
  "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends "$@" </dev/null ||
    die "apt-get could not install $*"
}

# The repository's own Python environment with the given packages: nothing is installed outside the checkout.
need_python() {
  if ! "$VENV/bin/python" -c "import pip" >/dev/null 2>&1; then
    say "Making a Python environment in .venv"
    rm -rf "$VENV"
    python3 -m venv "$VENV" </dev/null || die "python3 -m venv failed"
  fi
  local modules=() package
  for package in "$@"; do
    package=${package%%[<>=]*}
    [[ $package == faiss-cpu ]] && package=faiss
    modules+=("$package")
  done
  if ! "$VENV/bin/python" -c "import $(IFS=,; echo "${modules[*]}")" >/dev/null 2>&1; then
    say "Installing $* into .venv"
    "$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-input "$@" </dev/null ||
      die "pip could not install $*"
  fi
}

# build_release PRODUCT...: release binaries; their folder is then in $BIN.
build_release() {
  local product
  for product in "$@"; do
    (cd "$ROOT" && swift build -c release --product "$product" </dev/null) || die "$product does not build"
  done
  BIN=$(cd "$ROOT" && swift build -c release --show-bin-path </dev/null) || die "swift build --show-bin-path failed"
}
