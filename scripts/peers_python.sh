# Sourced by the scripts beside it: `peers_python PACKAGE ...` sets `python` to the Python of $PEERS_PYTHON, or of
# a fresh environment in a temporary folder, filled from PyPI and deleted at the end.

peers_python() {
  python=${PEERS_PYTHON:-}
  [[ -z $python ]] || return 0
  environment=$(mktemp -d)
  trap 'rm -rf -- "$environment"' EXIT
  python3 -m venv "$environment"
  python=$environment/bin/python
  "$python" -m pip install --quiet "$@"
}
