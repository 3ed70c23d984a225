# shellcheck shell=bash
# Where the parts of a state answer, from the ports they settled on. Sourced, never run.

port_of() {
  [[ -s $state/$1 ]] || fail "${1%%/*} has never run here and has no port yet: start it first ($local_stack/up, or service ${1%%/*} start)"
  cat "$state/$1"
}

# address FORMAT PORT-FILE: by way of a variable, because a failure inside printf's arguments is lost.
address() {
  local port
  port=$(port_of "$2") || exit
  # shellcheck disable=SC2059 # the format is the point
  printf "$1\n" "$port"
}

postgres_url() { address "postgres://${2:-$1}@127.0.0.1:%d/$1" postgres/port; } # DATABASE [ROLE]
engine_url() { address 'http://127.0.0.1:%d/engine-rest' engine/port; }
cockpit_url() { address 'http://127.0.0.1:%d/camunda/app/cockpit/default' engine/port; }
smtp_url() { address 'smtp://127.0.0.1:%d' mail/port; }
mail_page_url() { address 'http://127.0.0.1:%d' mail/page-port; }
worker_url() { address 'http://127.0.0.1:%d' worker/port; }
prometheus_url() { address 'http://127.0.0.1:%d' prometheus/port; }
public_url() { address 'http://127.0.0.1:%d' worker/public-port; }
