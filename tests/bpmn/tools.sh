# shellcheck shell=bash
# The Node.js packages that lint and draw the models. Sourced, never run.

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
checkout=${tests%/tests/bpmn}
tools=$checkout/target/bpmn

# The comment at the top of a script is its help: one text, always beside the code.
print_help() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p;}' "$0"; }

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Exit 64 is sysexits' usage error.
fail_usage() {
  printf '%s: %s (see %s --help)\n' "${0##*/}" "$*" "${0##*/}" >&2
  exit 64
}

need_node() {
  local version
  version=$(node --version 2>/dev/null) || fail 'Node.js 20 or newer is needed'
  version=${version#v}
  ((${version%%.*} >= 20)) || fail "Node.js 20 or newer is needed, this is $version"
  command -v npm >/dev/null || fail 'npm is needed'
}

# Installed once and again when the lock file changes. Lint and render may start side by side, so one
# at a time; the stamp is written last, so that a broken installation is made anew.
install_tools() {
  need_node
  mkdir -p "$tools"
  (
    flock 8
    stamp=$(cat "$tests/package.json" "$tests/package-lock.json" | cksum)
    [[ -e $tools/stamp && $(<"$tools/stamp") == "$stamp" ]] && exit
    rm -f "$tools/stamp"
    cp "$tests/package.json" "$tests/package-lock.json" "$tools/"
    npm ci --prefix "$tools" --ignore-scripts --no-audit --no-fund --no-progress --loglevel=error \
      </dev/null >&2
    printf '%s\n' "$stamp" >"$tools/stamp"
  ) 8>"$tools/lock"
}

# The models of the product, one path a line.
models() { find "$checkout/bpmn" -maxdepth 1 -name '*.bpmn' | LC_ALL=C sort; }
