# Sourced by ./run and ./check: makes .venv hold exactly what a lock file names.

make_environment() {
    lock=$1
    stamp=".venv/.$lock"
    if [ -f "$stamp" ] && cmp -s "$lock" "$stamp"; then return; fi
    python=$(find_python)
    echo "Installing what $lock names into .venv (once; about a minute) ..." >&2
    if command -v uv >/dev/null 2>&1; then
        [ -x .venv/bin/python ] || uv venv --quiet --python "$python" .venv
        uv pip install --quiet --python .venv/bin/python --require-hashes -r "$lock" || failed_install
    else
        [ -x .venv/bin/python ] || make_venv "$python"
        .venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes \
            -r "$lock" || failed_install
    fi
    cp "$lock" "$stamp"
    echo "Installed." >&2
}

find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "Python 3.11 or newer was not found. Install it (Debian: apt install python3 python3-venv)." >&2
    exit 4
}

make_venv() {
    if ! "$1" -c 'import ensurepip' 2>/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "Installing Debian's python3-venv ..." >&2
        { apt-get update -qq && apt-get install -y -qq python3-venv; } >/dev/null 2>&1 || true
    fi
    "$1" -m venv .venv 2>/dev/null || {
        rm -rf .venv
        echo "$1 cannot make a virtual environment. Install it (Debian: apt install python3-venv), or uv." >&2
        exit 4
    }
}

failed_install() {
    echo "The packages could not be installed. Is the package index reachable? Try again: ./run" >&2
    exit 4
}
