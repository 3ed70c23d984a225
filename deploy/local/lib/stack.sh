# shellcheck shell=bash
# The way from a fresh machine to a running worker, for `up` and `demo`. Sourced, never run.

parts=(postgres engine mail worker)

# shellcheck disable=SC2120 # only `up --observe` asks for more
require_tools() { "$local_stack/install" "$@"; }

# One up or demo of a state at a time; who comes second is told for whom it waits.
take_turn() {
  local turn=$state/turn
  exec 7>>"$turn"
  if ! flock -n 7; then
    say "waiting for another up or demo of $state (process $(<"$turn"))"
    flock 7
  fi
  printf '%s\n' $$ >"$turn"
}
end_turn() { exec 7>&-; }

# The worker is built while the rest starts: the compiler and the downloads hardly meet.
begin_worker_build() {
  [[ -z ${PHANTOM_WORKER_BIN:-} ]] || return 0
  worker_title='build the worker'
  [[ -e $(worker_binary) ]] || worker_title+=' (the first time takes 5 to 15 minutes)'
  worker_began=$SECONDS
  rm -f "$logs/build-worker.log.took"
  begin "$logs/build-worker.log" build_worker
  worker_build=$begun
}
build_worker() {
  "$local_stack/service" worker prepare || return
  printf '%s\n' $((SECONDS - worker_began)) >"$logs/build-worker.log.took"
}

# Before the long builds, and all at once: a port that is taken is the reader's to free.
settle_ports() {
  local part taken=0
  for part in "${parts[@]}"; do
    runs_already "$part" || "$local_stack/service" "$part" ports >/dev/null || taken=1
  done
  return "$taken"
}

build_and_start_everything() {
  make_own_folder "$state"
  logs=$state/logs
  make_own_folder "$logs"
  take_turn
  settle_ports
  begin_worker_build
  start_part postgres
  step 'build the engine' "$logs/build-engine.log" "$local_stack/service" engine prepare
  start_part engine
  step 'build the mailbox' "$logs/build-mail.log" "$local_stack/service" mail prepare
  start_part mail
  [[ -n ${PHANTOM_WORKER_BIN:-} ]] || finish "$worker_title" "$logs/build-worker.log" "$worker_build" "$worker_began"
  step 'migrate the database' "$logs/migrate.log" "$local_stack/worker" migrate
  step 'deploy the models' "$logs/deploy.log" "$local_stack/worker" deploy
  start_part worker
  [[ ${parts[*]} != *prometheus* ]] || start_part prometheus
  end_turn
}

print_addresses() {
  say
  say "${bold}Cockpit${plain}   $(cockpit_url)/   user demo, password demo"
  say "${bold}Mailbox${plain}   $(mail_page_url)/"
  say "${bold}Worker${plain}    $(worker_url)/status   metrics: $(worker_url)/metrics"
  if [[ ${parts[*]} == *prometheus* ]]; then
    say "${bold}Graphs${plain}    $(prometheus_url)/graph   alerts: $(prometheus_url)/alerts"
  fi
  print_further_addresses
}

# What phantom-worker demo does not know of.
print_further_addresses() {
  say "${bold}Ready${plain}     $(worker_url)/readyz"
  say "${bold}Engine${plain}    $(engine_url)"
  say "${bold}Database${plain}  $(postgres_url phantom_worker)"
  say "${bold}Logs${plain}      $state/{$(IFS=,; printf %s "${parts[*]}")}/log"
  say "${bold}Commands${plain}  $local_stack/worker --help, check, start …   phantom-worker with the settings of this stack"
}
