# shellcheck shell=bash
# Processes that outlive the script that starts them. Sourced, never run.
#
# A process is known by its id and its start time: ids are used again, and a process that merely got
# the number of ours must never get our signal. A record is a file "ID START-TIME".

# Field 22 of /proc/ID/stat; the name before it may hold blanks and brackets. A zombie is dead.
start_time_of() {
  local stat
  { IFS= read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -ra stat <<<"${stat##*) }"
  [[ ${stat[0]} != Z ]] && printf '%s\n' "${stat[19]}"
}

is_alive() {
  local id start_time
  { read -r id start_time <"$1"; } 2>/dev/null || return 1
  [[ $(start_time_of "$id") == "$start_time" ]]
}

id_in() {
  local id
  read -r id _ <"$1" && printf '%s\n' "$id"
}

# start_detached FOLDER COMMAND…: runs it in FOLDER and in a session of its own, so that neither
# Ctrl-C nor a closed terminal reaches it; its output goes to FOLDER/log, the last run's to log.1.
start_detached() {
  local folder=$1
  shift
  [[ ! -e $folder/log ]] || mv "$folder/log" "$folder/log.1"
  (
    # The lock (9) is the script's; a service that held it would lock it for good.
    exec </dev/null >"$folder/log" 2>&1 9>&-
    cd "$folder" || exit
    # Written before the command runs: whoever interrupts us finds the process.
    id=$BASHPID
    printf '%s %s\n' "$id" "$(start_time_of "$id")" >process
    exec setsid "$@"
  ) &
  started_id=$!
  until [[ -s $folder/process && $(id_in "$folder/process") == "$started_id" ]]; do
    kill -0 "$started_id" 2>/dev/null || return 1
    sleep 0.02
  done
}

# Whether COMMAND comes true within SECONDS: within SECONDS COMMAND…
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

is_dead() { ! is_alive "$1"; }

# send SIGNAL RECORD
send() { ! is_alive "$2" || kill "-$1" "$(id_in "$2")" 2>/dev/null || true; }
