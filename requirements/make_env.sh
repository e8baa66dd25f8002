#!/usr/bin/env bash
# Prepares .venv in the checkout: Python 3.11, the pinned host packages and this
# project, editable. Nothing is compiled. Does nothing when the environment stands; an
# interrupted run is taken up again by the next. pip's own settings hold, so that wheels
# of one's own are found through PIP_FIND_LINKS.
#
# Variables:  PYTHON   the Python 3.11 to use (default: the first one on PATH). Others
#                      would need a compiler: xtcocotools has no wheel for newer ones.
#             OPS      1: mmcv with its compiled operators, from a wheel or built here,
#                      which CenterGroup does not need, but other models do; 0: without.
#                      Default: what is there and works, else without.
#             FORCE_CUDA, MAX_JOBS   of that build, see install_mmcv.py
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly ROOT=$PWD
readonly VENV=$ROOT/.venv
readonly STAMP=$VENV/centergroup_env
readonly PLACEHOLDER=$ROOT/centergroup_mm/mmcv_without_operators.py
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

# Names everything that is missing on the system at once, before anything is made.
check_system() {
    local python=$1 missing=()
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        missing+=("the venv module of Python: package python3.11-venv")
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
    { cat "$ROOT"/requirements/*.{txt,sh,py} "$ROOT/setup.py" "$PLACEHOLDER"
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

# What OPS asks of mmcv, in the words of install_mmcv.py.
wanted_operators() {
    case ${OPS:-} in
        1) echo with ;;
        0) echo without ;;
        '') echo either ;;
        *) die "OPS is '$OPS'; expected 1, mmcv with its operators, or 0, without." ;;
    esac
}

# Whether the environment stands, with the operators that are wanted.
stands() {
    [[ -f $STAMP && $(<"$STAMP") == "$(fingerprint)" ]] || return
    local there=without
    compgen -G "$VENV/lib/python3.11/site-packages/mmcv/_ext.*.so" >/dev/null &&
        there=with
    [[ $1 == either || $1 == "$there" ]]
}

main() {
    local operators
    operators=$(wanted_operators)
    if stands "$operators"; then
        echo "The environment stands in .venv."
        return
    fi
    local python
    python=$(find_python)
    [[ -n $python ]] || die "no Python 3.11 found. Install it (packages python3.11," \
        "python3.11-venv), or name one: make env PYTHON=/path/to/it"
    check_system "$python"
    rm -f "$STAMP"

    announce "virtual environment in .venv, from $python (seconds)"
    make_venv "$python"

    announce "torch, mmengine, mmdet and the like (2 to 10 minutes, 5 GB on disk)"
    install -r requirements/build.txt -r requirements/runtime.txt \
        -r requirements/tests.txt

    announce "mmcv (seconds; where its operators are to be built, 6 to 40 minutes)"
    in_venv requirements/install_mmcv.py "$operators" || exit

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
