# shellcheck shell=bash
# The way from a fresh machine to a running worker, for `up` and `demo`. Sourced, never run.

require_tools() { "$local_stack/install"; }

# The worker is built while the rest starts: the compiler and the downloads hardly meet.
begin_worker_build() {
  [[ -z ${PHANTOM_WORKER_BIN:-} ]] || return 0
  worker_began=$SECONDS
  begin "$logs/build-worker.log" "$local_stack/service" worker prepare
  worker_build=$begun
}

# Before the long builds, and all at once: a port that is taken is the reader's to free.
settle_ports() {
  local part taken=0
  for part in postgres engine mail worker; do
    runs_already "$part" || "$local_stack/service" "$part" ports >/dev/null || taken=1
  done
  return "$taken"
}

build_and_start_everything() {
  make_own_folder "$state"
  logs=$state/logs
  make_own_folder "$logs"
  settle_ports
  begin_worker_build
  start_part postgres 'PostgreSQL'
  step 'build the engine' "$logs/build-engine.log" "$local_stack/service" engine prepare
  start_part engine 'Camunda 7.24'
  step 'build the mailbox' "$logs/build-mail.log" "$local_stack/service" mail prepare
  start_part mail 'mailbox'
  [[ -n ${PHANTOM_WORKER_BIN:-} ]] || finish 'build the worker' "$logs/build-worker.log" "$worker_build" "$worker_began"
  step 'migrate the database' "$logs/migrate.log" "$local_stack/worker" migrate
  step 'deploy the models' "$logs/deploy.log" "$local_stack/worker" deploy
  start_part worker 'phantom-worker'
}

print_addresses() {
  say
  say "${bold}Cockpit${plain}   $(cockpit_url)/   user demo, password demo"
  say "${bold}Mailbox${plain}   $(mail_page_url)/"
  say "${bold}Metrics${plain}   $(worker_url)/metrics"
  print_further_addresses
}

# What phantom-worker demo does not know of.
print_further_addresses() {
  say "${bold}Ready${plain}     $(worker_url)/readyz"
  say "${bold}Engine${plain}    $(engine_url)"
  say "${bold}Database${plain}  $(postgres_url phantom_worker)"
  say "${bold}Logs${plain}      $state/{postgres,engine,mail,worker}/log"
}
