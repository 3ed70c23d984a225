# shellcheck shell=bash
# The Node.js packages that lint and draw the models. Sourced, never run.

# shellcheck source-path=SCRIPTDIR/../../deploy/local
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
stack=$tests/../../deploy/local
source "$stack/lib/terminal.sh"
source "$stack/lib/state.sh"
source "$stack/lib/node.sh"
source "$stack/lib/npm_packages.sh"

tools=$checkout/target/bpmn

# Nobody has to run deploy/local/install before, so a machine without Node.js is told here.
install_tools() {
  node_is_new_enough "$(node_binary)" || fail "Node.js $oldest_node or newer is needed: $local_stack/install brings it"
  install_packages "$tests" "$tools"
}

# The models of the product, one path a line.
models() { find "$checkout/bpmn" -maxdepth 1 -name '*.bpmn' | LC_ALL=C sort; }
