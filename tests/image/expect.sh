# shellcheck shell=bash
# Facts, one line each. Sourced, never run; needs terminal.sh.

faults=0

# expect WHAT COMMAND…
expect() {
  if "${@:2}"; then
    say "  ${green}ok${plain}    $1"
  else
    say "  ${red}FAULT${plain} $1"
    faults=$((faults + 1))
  fi
}
