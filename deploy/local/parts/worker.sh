# shellcheck shell=bash
# phantom-worker itself, against the other parts of the same state. Sourced by deploy/local/service.

start_limit=90
# The worker drains: poll, drain deadline and 10 s.
stop_signal=TERM
stop_limit=45

source "$here/lib/settings.sh"
source "$here/lib/revision.sh"

url() {
  case ${1:-} in
    '') worker_url ;;
    public) public_url ;;
    *) fail_usage "the worker has no address '$1'" ;;
  esac
}

choose_ports() {
  choose_each "$folder/port" 9464 PHANTOM_WORKER_PORT "$folder/public-port" 8088 PHANTOM_PUBLIC_PORT
}

prepare() {
  [[ -n ${PHANTOM_WORKER_BIN:-} ]] || ( cd "$checkout" && tell_revision && cargo build --release --locked --bin phantom-worker </dev/null )
  [[ -x $(worker_binary) ]] || fail "there is no program $(worker_binary)"
}

# For --version and the metrics; without it, as in a clone of another user's, everything works as well.
tell_revision() {
  local told
  told=$(revision 2>/dev/null) || return 0
  export PHANTOM_WORKER_REVISION=$told
}

launch() {
  export_worker_settings
  start_detached "$folder" "$(worker_binary)" run
}

is_healthy() { curl -fs -o /dev/null -m 5 --noproxy '*' "$(worker_url)/readyz"; }
