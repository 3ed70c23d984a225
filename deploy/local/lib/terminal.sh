# shellcheck shell=bash
# What a person sees: one line a step, with its seconds; the noise goes to log files. Sourced, never run.

program=${0##*/}
is_terminal() { [[ -t 1 && ${TERM:-dumb} != dumb && -z ${CI:-} ]]; }

if is_terminal && [[ -z ${NO_COLOR:-} ]]; then
  green=$'\e[32m' red=$'\e[31m' dim=$'\e[2m' bold=$'\e[1m' plain=$'\e[0m'
else
  green='' red='' dim='' bold='' plain=''
fi

say() { printf '%s\n' "$*"; }
complain() { printf '%s\n' "${red}$program:${plain} $*" >&2; }
fail() {
  complain "$@"
  exit 1
}
fail_usage() {
  complain "$* (see $program --help)"
  exit 64
}

# The comment at the top of a script is its help: one text, always beside the code.
print_help() { sed -n '2,/^\([^#]\|$\)/{s/^# \{0,1\}//p;}' "$0"; }

lines_shown=25
show_end_of() {
  [[ -s $1 ]] || return 0
  say "${dim}--- the end of $1${plain}"
  tail -n "$lines_shown" "$1"
  say "${dim}---${plain}"
}

# Steps under way, each the leader of a process group of its own: Ctrl-C then reaches this script
# alone, which ends its steps in order instead of racing them.
steps_under_way=()

# begin LOG COMMAND…: starts a step; its id is in $begun. A turn (7) is the script's own: what a step
# leaves behind must not keep it.
begin() {
  local log=$1
  shift
  set -m
  "$@" </dev/null >"$log" 2>&1 7>&- &
  begun=$!
  set +m
  steps_under_way+=("$begun")
}

# in_the_open COMMAND…: a step whose output is for the reader; its exit code is returned.
in_the_open() {
  local status=0
  set -m
  "$@" </dev/null &
  begun=$!
  set +m
  steps_under_way+=("$begun")
  wait "$begun" || status=$?
  forget_step "$begun"
  return "$status"
}

# duration SECONDS: as people say it.
duration() {
  if (($1 < 60)); then
    printf '%d s\n' "$1"
  else
    printf '%d min %d s\n' $(($1 / 60)) $(($1 % 60))
  fi
}

# finish TITLE LOG STEP [BEGAN]: waits for a step, showing how long it takes. Of a step that was
# begun earlier and is over it is told how long it took, and not how long nobody looked.
finish() {
  local title=$1 log=$2 step=$3 began=${4:-$SECONDS} status=0 took
  if is_terminal; then
    spin "$title" "$log" "$step" "$began"
  else
    printf '  %s … ' "$title"
  fi
  wait "$step" || status=$?
  forget_step "$step"
  took=$((SECONDS - began))
  [[ ! -s $log.took ]] || took=$(<"$log.took")
  rm -f "$log.took"
  print_outcome "$title" "$status" "$took"
  [[ $status -eq 0 ]] || show_end_of "$log"
  return "$status"
}

# step TITLE LOG COMMAND…
step() {
  begin "$2" "${@:3}"
  finish "$1" "$2" "$begun"
}

spin() {
  local title=$1 log=$2 step=$3 began=$4 marks='|/-\' turn=0 news room
  while kill -0 "$step" 2>/dev/null; do
    room=$((${COLUMNS:-80} - ${#title} - 14))
    news=$(tail -n 1 "$log" 2>/dev/null | tr -cd '[:print:]')
    printf '\r\e[K  %s %s %s  %s' "${marks:turn++%4:1}" "$title" "$(duration $((SECONDS - began)))" \
      "$dim${news:0:room > 0 ? room : 0}$plain"
    sleep 0.2
  done
  printf '\r\e[K'
}

print_outcome() {
  local title=$1 status=$2 took
  took=$(duration "$3")
  if is_terminal; then
    if [[ $status -eq 0 ]]; then
      printf '  %s✓%s %s %s%s%s\n' "$green" "$plain" "$title" "$dim" "$took" "$plain"
    else
      printf '  %s✗ %s%s (exit %d after %s)\n' "$red" "$title" "$plain" "$status" "$took"
    fi
  elif [[ $status -eq 0 ]]; then
    say "$took"
  else
    printf 'FAILED (exit %d after %s)\n' "$status" "$took"
  fi
}

forget_step() {
  local others=() other
  for other in "${steps_under_way[@]}"; do
    [[ $other == "$1" ]] || others+=("$other")
  done
  steps_under_way=("${others[@]}")
}

# shellcheck disable=SC2120 # only some callers hurry
# end_steps [SIGNAL]: ends what is under way, children included, and waits for it.
end_steps() {
  local each
  # Whoever was interrupted has left an unfinished line.
  ((${#steps_under_way[@]} == 0)) || say
  for each in "${steps_under_way[@]}"; do
    kill "-${1:-TERM}" -- "-$each" 2>/dev/null || true
  done
  for each in "${steps_under_way[@]}"; do
    wait "$each" 2>/dev/null || true
  done
  steps_under_way=()
}
