# Sourced by the other scripts: an up-to-date virtual environment in .venv of the checkout (PRESENTITY_VENV=FOLDER
# names another one, PRESENTITY_PYTHON=FILE the interpreter that it is made with).
#
#   setup_environment PURPOSE EXTRAS    e.g. setup_environment serve tls,postgres
#
# Installs only when pyproject.toml, the interpreter or the place of the checkout changed since the last time; a
# stamp file per purpose in .venv remembers what was installed.  Everything it says goes to standard error.

root=$(cd -P -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd)
venv=$(readlink -m -- "${PRESENTITY_VENV:-$root/.venv}")
compiled=$root/build/compiled
test_extras=tls,postgres,softphone,sbom,test

say() { printf '%s\n' "$*" >&2; }

# The first interpreter that runs and is new enough; a name alone proves nothing (pyenv leaves empty ones behind).
find_python() {
    local candidate
    for candidate in ${PRESENTITY_PYTHON:+"$PRESENTITY_PYTHON"} python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    say "presentity: Python 3.11 or later is needed and was not found (python3, python3.13, python3.12, python3.11);"
    say "presentity: install one, for instance 'apt install python3', or name one: PRESENTITY_PYTHON=/path/to/python3"
    return 1
}

# What an installation depends on, as one line.
fingerprint() {
    { printf '%s\n' "$root" "$1" "$(readlink -f -- "$venv/bin/python")"; cat -- "$root/pyproject.toml"; } | sha256sum
}

# stamped PURPOSE EXTRAS: is the environment as that purpose needs it?
stamped() {
    [[ -x $venv/bin/python && -r $venv/.stamp-$1 ]] && [[ $(<"$venv/.stamp-$1") == "$(fingerprint "$2")" ]]
}

# Makes .venv, or makes it anew when its interpreter is gone or is another version now.
make_venv() {
    if [[ -x $venv/bin/python ]] &&
        "$venv/bin/python" -c 'import sys, sysconfig, os; sys.exit(not os.path.isdir(sysconfig.get_path("purelib")))' &&
        { "$venv/bin/python" -m pip --version || [[ -e $venv/.pip-outside ]]; } >/dev/null 2>&1; then
        return
    fi
    local python
    python=$(find_python) || return
    if ! "$python" -c 'import venv' 2>/dev/null; then
        say "presentity: $python has no module venv; install it, on Debian and Ubuntu: apt install python3-venv"
        return 1
    fi
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        "$python" -m venv --clear "$venv"
    elif "$python" -m pip --version >/dev/null 2>&1; then
        # Debian keeps ensurepip in a package of its own; pip of the system can install into the environment too.
        "$python" -m venv --clear --without-pip "$venv" && printf '%s\n' "$python" >"$venv/.pip-outside"
    else
        say "presentity: $python has neither ensurepip nor pip; on Debian and Ubuntu: apt install python3-venv"
        return 1
    fi
}

pip_install() {
    local pip=("$venv/bin/python" -m pip)
    if [[ -e $venv/.pip-outside ]]; then
        pip=("$(<"$venv/.pip-outside")" -m pip --python "$venv/bin/python")
    fi
    "${pip[@]}" --disable-pip-version-check install -qq "$@"
}

install_project() {
    make_venv || return
    say "presentity: installing into $venv ($2) ..."
    if ! pip_install --editable "$root[$2]" >&2; then
        say "presentity: the installation failed, see above; the next start tries again"
        return 1
    fi
    fingerprint "$2" >"$venv/.stamp-$1"
}

setup_environment() {
    stamped "$1" "$2" && return
    # Two starts at once: the second waits, and then finds everything done.  The lock is on this file itself, and
    # the server that is started later must not hold it.
    local status=0 lock
    exec {lock}<"$root/scripts/_setup.sh"
    if command -v flock >/dev/null; then
        flock "$lock"
    fi
    stamped "$1" "$2" || install_project "$1" "$2" {lock}<&- || status=$?
    exec {lock}<&-
    return "$status"
}

# All that compiled modules were made from, as one line; the version of Python (python3.11) belongs to it.
source_print() {
    local library=("$venv"/lib/python3.*)
    {
        printf '%s\n' "${library[0]##*/}"
        cd -- "$root" && find sip presence soapapi migrations config setup.py -type f ! -name '*.pyc' -print0 |
            LC_ALL=C sort -z | xargs -0 sha256sum
    } | sha256sum
}

# Have the sources, and the Python, stayed the same since scripts/compile?
compiled_fits() {
    [[ -r $compiled/.stamp && $(<"$compiled/.stamp") == "$(source_print)" ]]
}

# Takes what scripts/compile has made, unless it was made of something else.
use_compiled() {
    [[ -r $compiled/.stamp ]] || return 0
    if compiled_fits; then
        export PYTHONPATH=$compiled${PYTHONPATH:+:$PYTHONPATH}
        # Huge pages also for what is too large for Python's own allocator (decision 0019).
        export GLIBC_TUNABLES=${GLIBC_TUNABLES:-glibc.malloc.hugetlb=1}
    else
        say "presentity: the sources or the Python have changed since scripts/compile: running them as they are"
    fi
}

# run_presentity ARGUMENTS...: the command itself, set up and as fast as it can be.
#
# SIGHUP ends no server (service managers mean "reload" by it, and a terminal that is closed leaves the server
# running), from the first moment: Python takes a while until it hears signals, and what is ignored here stays so
# until then.  But while something is being installed, a terminal that goes away takes pip with it.
run_presentity() {
    local word serves=
    for word; do
        [[ $word == serve ]] && serves=yes
    done
    [[ $serves ]] && trap : HUP
    setup_environment serve tls,postgres || exit 2
    [[ $serves ]] && trap '' HUP
    use_compiled
    exec "$venv/bin/presentity" "$@"
}
