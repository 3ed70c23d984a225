# shellcheck shell=bash
# What renders and what checks the manifests. Sourced, never run; whoever sources it names in `rendered`
# a folder of its own, so that several may be at work side by side.

# shellcheck source-path=SCRIPTDIR/../../deploy/local
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
stack=$tests/../../deploy/local
source "$stack/lib/terminal.sh"
source "$stack/lib/state.sh"
source "$stack/lib/builds.sh"

# Components came with version 4, the digest beside the tag and the delimiters of texts with 5.
oldest_kustomize=5
fetched_kustomize=v5.7.1

# Ours: the overlays, and what a bank may build on top of them, here and in the README.
environments_of_ours() {
  local folder
  for folder in "$checkout"/deploy/overlays/*/ "$tests"/variants/*/ "$rendered/readme/scaled/"; do
    printf '%s\n' "${folder%/}"
  done
}

# And what a bank may make otherwise than we do.
adapted() { printf '%s\n' "$rendered/readme/adapted"; }

environments() {
  environments_of_ours
  adapted
}

# write_examples: the kustomizations of deploy/README.md, for a bank that lives at your.example. Each
# says in its first line which it is.
write_examples() {
  local ours=$checkout/deploy/overlays/production examples=$rendered/readme
  mkdir -p "$examples"/{wallets,adapted,scaled}
  ln -sfn "$checkout" "$examples/phantom-worker"
  awk -v examples="$examples" '
    /^```yaml$/ { inside = 1; first = 1; next }
    /^```$/ { inside = 0 }
    inside && first { file = examples "/" $2; sub(/,$/, "", file); first = 0 }
    inside { sub(/sha256:…/, "sha256:" sprintf("%064d", 1)); print >file }' "$checkout/deploy/README.md"
  sed 's/bank\.example/your.example/' "$ours/settings.env" >"$examples/wallets/settings.env"
  cp "$ours/network.yaml" "$examples/wallets/"
  "$checkout/deploy/alerts/render" --runbooks https://runbooks.your.example --grafana https://grafana.your.example \
    --namespace phantom-worker >"$examples/adapted/rules.yaml"
}

# render_all: one file for each environment, in $rendered and nothing else.
render_all() {
  rm -rf "$rendered"
  mkdir -p "$rendered"
  find_renderer
  write_examples
  environments | render_each
}

# render_each: those that it reads, a line each, into files of their names.
render_each() {
  local environment
  while IFS= read -r environment; do
    render "$environment" >"$(rendered_as "$environment")" || fail "$environment cannot be rendered"
  done
}
rendered_as() { printf '%s\n' "$rendered/${1##*/}.yaml"; }

# find_renderer: kubectl, as README.md of deploy/ has it done; where there is none, kustomize.
find_renderer() {
  local version
  version=$(kubectl version --client 2>/dev/null | sed -n 's/^Kustomize Version: v//p') || true
  if ((${version%%.*} + 0 >= oldest_kustomize)); then
    renderer=(kubectl kustomize)
  else
    kustomize_build=$(build_folder kustomize "$tests/python")-$fetched_kustomize
    build_once "$kustomize_build" fetch_kustomize >&2
    renderer=("$kustomize_build/kustomize" build)
  fi
}

render() { "${renderer[@]}" "$1"; }

fetch_kustomize() {
  command -v go >/dev/null || fail "kubectl with kustomize $oldest_kustomize or newer is needed, or Go to build one"
  GOBIN=$kustomize_build go install "sigs.k8s.io/kustomize/kustomize/v5@$fetched_kustomize"
}

# install_python: the packages of python/requirements.txt in a folder of their own.
install_python() {
  python_build=$(build_folder manifests-python "$tests/python")
  build_once "$python_build" fetch_python >&2
}

fetch_python() {
  command -v python3 >/dev/null || fail 'Python 3 is needed'
  python3 -m venv "$python_build"
  "$python_build/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps \
    --requirement "$tests/python/requirements.txt"
}

# with_lint MODULE ARGUMENTS…: a module of lint/.
with_lint() { (cd "$tests" && PYTHONDONTWRITEBYTECODE=1 "$python_build/bin/python" -m "$@"); }
