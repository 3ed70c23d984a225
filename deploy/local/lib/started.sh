# shellcheck shell=bash
# Starting parts of the stack, and stopping again exactly those that were started here. Sourced, never run.

started=()

# It runs, whether it answers (0) or not yet (1).
runs_already() { "$local_stack/service" "$1" status >/dev/null 2>&1 || [[ $? -eq 1 ]]; }

# start_part PART: noted before it starts, so that an interruption half-way stops it too.
start_part() {
  local part=$1 title
  title=$(title_of "$part")
  if runs_already "$part"; then
    title+=' (ran before)'
  else
    started=("$part" "${started[@]}")
  fi
  step "$title" "$logs/start-$part.log" "$local_stack/service" "$part" start
}

titles_of() {
  local part titles=''
  for part in "$@"; do
    titles+=", $(title_of "$part")"
  done
  printf '%s\n' "${titles#, }"
}

stop_started() {
  local part
  for part in "${started[@]}"; do
    step "stop $(title_of "$part")" "$logs/stop-$part.log" "$local_stack/service" "$part" stop || true
  done
  started=()
}

kill_started() {
  local part
  for part in "${started[@]}"; do
    "$local_stack/service" "$part" kill >/dev/null 2>&1 || true
  done
  started=()
}

# clean_up_with COMMAND: whatever ends this script, COMMAND runs once. A second signal while it runs
# means: do not wait for anybody.
clean_up_with() {
  clean_up=$1
  trap 'end_with $?' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 141' PIPE
  trap 'exit 143' TERM
}

end_with() {
  trap - EXIT
  trap 'trap "" INT TERM HUP; end_steps KILL; kill_started; exit 1' INT TERM HUP
  trap '' PIPE
  end_steps
  "$clean_up" || true
  exit "$1"
}
