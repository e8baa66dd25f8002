#!/usr/bin/env bash
# Prepares .venv in the checkout: Python 3.11, the pinned host packages and this
# project, editable. Does nothing when the environment stands; an interrupted run is
# taken up again by the next. pip's own settings hold, so that wheels of one's own are
# found through PIP_FIND_LINKS.
#
# Variables:  PYTHON       the Python 3.11 to use (default: the first one on PATH)
#             FORCE_CUDA   1 builds mmcv's operators for the GPU too; needs a CUDA
#                          compiler that matches torch. CenterGroup needs none of them.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly ROOT=$PWD
readonly VENV=$ROOT/.venv
readonly STAMP=$VENV/centergroup_env
readonly STEPS=5

step=0
announce() { step=$((step + 1)); printf '[env %d/%d] %s\n' "$step" "$STEPS" "$*"; }
die() { printf 'make env: %s\n' "$*" >&2; exit 1; }
in_venv() { "$VENV/bin/python" "$@"; }
install() { in_venv -m pip install --disable-pip-version-check "$@"; }

# Prints the Python 3.11 to use, or nothing.
find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
            2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
}

# Names everything that is missing on the system at once, before anything is built.
check_system() {
    local python=$1 missing=()
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        missing+=("the venv module of Python: package python3.11-venv")
    "$python" -c 'import os, sys, sysconfig as s
sys.exit(not os.path.exists(os.path.join(s.get_path("include"), "Python.h")))' ||
        missing+=("Python's header Python.h: package python3.11-dev (python3.11-devel)")
    command -v "${CXX:-c++}" >/dev/null || command -v g++ >/dev/null ||
        missing+=("a C++ compiler: package g++ (gcc-c++)")
    command -v git >/dev/null || missing+=("git: package git")
    if [[ $(uname -s) == Linux ]]; then
        local library
        for library in libGL.so.1:libgl1 libgthread-2.0.so.0:libglib2.0-0; do
            "$python" -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' \
                "${library%%:*}" 2>/dev/null ||
                missing+=("${library%%:*}, which OpenCV loads: package ${library##*:}")
        done
    fi
    ((${#missing[@]} == 0)) && return
    printf 'make env: this machine lacks\n' >&2
    printf '  - %s\n' "${missing[@]}" >&2
    die "install them (Debian and Ubuntu: apt-get install PACKAGE) and run it again."
}

# Identifies what the environment was made from.
fingerprint() {
    { cat "$ROOT"/requirements/*.txt "$ROOT/requirements/make_env.sh" "$ROOT/setup.py"
      echo "$ROOT"; in_venv -VV; } | cksum
}

make_venv() {
    if [[ -x $VENV/bin/python ]]; then
        in_venv -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
            die "$VENV is not of Python 3.11; remove it and run this again."
    fi
    # Without pip the making of it was interrupted.
    in_venv -m pip --version >/dev/null 2>&1 || "$1" -m venv --clear "$VENV"
}

mmcv_works() {
    in_venv - "$(sed -n 's/^mmcv==//p' requirements/mmcv.txt)" <<'PYTHON' 2>/dev/null
import sys

import mmcv
import mmcv.ops

sys.exit(mmcv.__version__ != sys.argv[1])
PYTHON
}

# mmcv's operators are compiled against the torch in .venv, hence without pip's build
# isolation. Hiding the GPU makes it a build for the CPU, which needs no CUDA compiler.
install_mmcv() {
    local jobs
    jobs=$(getconf _NPROCESSORS_ONLN)
    (
        [[ ${FORCE_CUDA:-0} == 1 ]] || export CUDA_VISIBLE_DEVICES=
        MMCV_WITH_OPS=1 MAX_JOBS=${MAX_JOBS:-$jobs} \
            install --no-build-isolation --no-deps "$@" -r requirements/mmcv.txt
    )
}

main() {
    if [[ -f $STAMP && $(<"$STAMP") == "$(fingerprint)" ]]; then
        echo "The environment stands in .venv."
        return
    fi
    local python
    python=$(find_python)
    [[ -n $python ]] || die "no Python 3.11 found. Install it (packages python3.11," \
        "python3.11-venv, python3.11-dev), or name one: make env PYTHON=/path/to/it"
    check_system "$python"

    announce "virtual environment in .venv, from $python (seconds)"
    make_venv "$python"

    announce "torch, mmengine, mmdet and the like (2 to 10 minutes, 5 GB on disk)"
    install -r requirements/build.txt -r requirements/runtime.txt \
        -r requirements/tests.txt

    announce "mmcv (seconds from a wheel; else it is built: 6 to 15 minutes)"
    mmcv_works || install_mmcv
    if ! mmcv_works; then
        # pip keeps wheels by name, and one built for another torch does not import.
        echo "The wheel of mmcv that was found does not fit this torch: building one."
        install_mmcv --force-reinstall --no-cache-dir --no-binary mmcv
        mmcv_works || { in_venv -c 'import mmcv.ops' || true
            die "mmcv was built, but its operators do not import; see above."; }
    fi

    announce "mmpose, mim and this project (seconds)"
    install --no-deps -r requirements/no_deps.txt
    install --no-deps --no-build-isolation --editable .

    announce "check (seconds)"
    (cd / && in_venv -W ignore -c 'import centergroup_mm, mim, mmpose.apis') ||
        die "the environment is complete, but does not import; see above."
    fingerprint >"$STAMP"
    echo "The environment stands in .venv."
}

main
