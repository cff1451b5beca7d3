# Sourced by the scripts beside it: `peers_python PACKAGE ...` makes a temporary folder `environment`, deleted at
# the end, and sets `python` to the Python of $PEERS_PYTHON, or to one there, filled from PyPI.

peers_python() {
  environment=$(mktemp -d)
  trap 'rm -rf -- "$environment"' EXIT
  python=${PEERS_PYTHON:-$environment/bin/python}
  [[ -z ${PEERS_PYTHON:-} ]] || return 0
  python3 -m venv "$environment"
  "$python" -m pip install --quiet "$@"
}
