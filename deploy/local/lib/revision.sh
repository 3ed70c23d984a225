# shellcheck shell=bash
# Which sources these are. Sourced, never run; needs state.sh.

of_git() { git -C "$checkout" "$@"; }

# revision: the commit, with -dirty where the sources differ from it, as --version and the metrics tell
# it; what PHANTOM_WORKER_REVISION says, where they are no clone of git.
revision() {
  if [[ -n ${PHANTOM_WORKER_REVISION:-} ]]; then
    say "$PHANTOM_WORKER_REVISION"
  elif [[ -e $checkout/.git ]]; then
    # The length does not depend on how many commits this clone knows, and a tag is no revision.
    of_git describe --always --dirty --abbrev=12 --exclude='*'
  else
    say unknown
  fi
}

# time_of_sources: of the commit, in seconds since 1970.
time_of_sources() {
  if [[ -n ${SOURCE_DATE_EPOCH:-} ]]; then
    say "$SOURCE_DATE_EPOCH"
  elif [[ -e $checkout/.git ]]; then
    of_git log -1 --format=%ct
  else
    say 0
  fi
}
