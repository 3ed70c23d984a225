# shellcheck shell=bash
# Ports on the loopback address. Sourced, never run.

is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Below the range from which the kernel takes ports for outgoing connections, so that a stopped
# service finds its port free when it comes back.
any_free_port() {
  local port
  while true; do
    port=$((20000 + RANDOM % 12000))
    is_taken "$port" || break
  done
  printf '%s\n' "$port"
}

# free_ports COUNT: as many different ones, one a line.
free_ports() {
  local chosen=() port
  while ((${#chosen[@]} < $1)); do
    port=$(any_free_port)
    [[ " ${chosen[*]} " == *" $port "* ]] || chosen+=("$port")
  done
  printf '%s\n' "${chosen[@]}"
}

holder_of() {
  local line
  line=$(ss -Hltnp "sport = :$1" 2>/dev/null) || true
  if [[ $line =~ \"([^\"]+)\",pid=([0-9]+) ]]; then
    printf ' by %s (process %s)\n' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
  fi
}

# choose_each FILE PREFERRED VARIABLE…: choose_port for each three, so that all that are taken are told.
choose_each() {
  local taken=0
  while (($# > 0)); do
    (choose_port "$1" "$2" "$3") || taken=1
    shift 3
  done
  ((taken == 0)) || exit 1
}

# choose_port FILE PREFERRED VARIABLE: settles a port and remembers it in FILE, because others have
# been told of it: a stopped service comes back where it was. VARIABLE overrides; 0 means any.
choose_port() {
  local file=$1 preferred=$2 variable=$3 port=${!3:-} remembered=''
  [[ ! -s $file ]] || remembered=$(<"$file")
  [[ $port =~ ^[0-9]*$ ]] && ((port <= 65535)) || fail "$variable is '$port'; it should be a port like $preferred, or 0 for any free one"
  if [[ -z $port ]]; then
    port=${remembered:-$preferred}
  elif [[ $port -eq 0 ]]; then
    port=${remembered:-$(any_free_port)}
    ! is_taken "$port" || port=$(any_free_port)
  fi
  ! is_taken "$port" || fail "port $port is taken$(holder_of "$port"); set $variable to another one, or to 0 for any free one"
  printf '%s\n' "$port" >"$file"
}
