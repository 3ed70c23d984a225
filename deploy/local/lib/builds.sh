# shellcheck shell=bash
# Builds that are made once, and again when their sources change. Sourced, never run.

# build_folder NAME SOURCES: a folder for each content of SOURCES, so that a new build leaves alone
# what runs from the old one.
build_folder() {
  local sum
  sum=$(cd "$2" && find . -type f -exec cksum {} + | LC_ALL=C sort | cksum)
  printf '%s\n' "$builds/$1-${sum%% *}"
}

# build_once FOLDER COMMAND: several test runs of one checkout share a build, so one at a time; the
# mark is set last, so a broken build is made anew. Not to be called in a condition, where bash would
# go on after a failed COMMAND.
build_once() {
  local build=$1 command=$2
  [[ ! -e $build.done ]] || return 0
  mkdir -p "$builds"
  (
    flock 8
    [[ ! -e $build.done ]] || exit 0
    rm -rf "$build"
    "$command"
    touch "$build.done"
  ) 8>"$build.lock"
}
