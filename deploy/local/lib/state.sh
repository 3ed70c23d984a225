# shellcheck shell=bash
# Where the local stack keeps what it makes. Sourced, never run.
#
# Builds belong to the checkout (target/local, which git ignores). Data, logs, process ids and ports
# belong to a state, and several states may run side by side: the demo has one, each test run another.

checkout=$(cd "${BASH_SOURCE[0]%/*}/../../.." && pwd -P)
local_stack=$checkout/deploy/local
builds=$checkout/target/local

# PostgreSQL refuses root, so root starts it as another user, and that user has to get to its data:
# the home of root and a checkout below it are closed to others, /var/tmp is not.
stack_home() {
  if [[ -n ${XDG_STATE_HOME:-} && $EUID -ne 0 ]]; then
    printf '%s\n' "$XDG_STATE_HOME/phantom-worker"
  else
    printf '%s\n' "/var/tmp/phantom-worker-$EUID"
  fi
}

default_state() {
  local hash
  hash=$(cksum <<<"$checkout")
  printf '%s\n' "$(stack_home)/${checkout##*/}-${hash%% *}"
}

# In a folder like /var/tmp anybody may have made our name first: what is not ours is not used.
make_own_folder() {
  ( umask 022 && mkdir -p "$1" ) || fail "cannot make the folder $1"
  [[ -O $1 ]] || fail "$1 belongs to another user; name another folder in PHANTOM_LOCAL_STATE"
}

# title_of PART: its name for people.
title_of() {
  case $1 in
    postgres) printf 'PostgreSQL\n' ;;
    engine) printf 'Camunda 7.24\n' ;;
    mail) printf 'mailbox\n' ;;
    worker) printf 'phantom-worker\n' ;;
    prometheus) printf 'Prometheus\n' ;;
  esac
}

cache=$(stack_home)/cache
state=${PHANTOM_LOCAL_STATE:-$(default_state)}
[[ $state == /* ]] || state=$PWD/$state

# A secret of this state: 64 hex digits, made once.
token_key() {
  local file=$state/token-key
  if [[ ! -s $file ]]; then
    ( umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$file.new" && mv "$file.new" "$file" )
  fi
  cat "$file"
}
