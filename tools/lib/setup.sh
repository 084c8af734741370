# Sourced by tools/dream and tools/test: brings a bare Debian 12 to where the project builds.
# Everything it fetches lands in .deps/ (Python wheels, libtorch) or comes from apt.
# DREAM_NO_SETUP=1 skips all installing.

build_packages=(
  g++ cmake ninja-build ccache mold git ca-certificates python3-venv
  libboost1.81-dev libboost-filesystem1.81-dev libboost-url1.81-dev
  libopencv-core-dev libopencv-imgproc-dev libopencv-imgcodecs-dev
  nlohmann-json3-dev libfmt-dev libspdlog-dev libcli11-dev
  libcurl4-openssl-dev libssl-dev libre2-dev libsqlite3-dev libpq-dev libarchive-dev
  prometheus-cpp-dev zlib1g-dev
)
test_packages=(
  libgtest-dev libgmock-dev clang-16 libclang-rt-16-dev curl procps abigail-tools chromium
  wrk docker-registry skopeo umoci postgresql
)
torch_version=2.13.0
oracle_wheels=(
  numpy diffusers==0.42.1 transformers==5.18 accelerate safetensors peft==0.21.2 compel==2.5.1
  opencv-python-headless scipy scikit-image einops pillow pytest pytest-timeout pytest-xdist
  prometheus_client==0.26.0 requests bitsandbytes==0.50.2
)
# Oracles of the annotators, without what they ask for: torch, torchvision and more. The older one
# is what the original templates ran.
annotator_wheels=(controlnet-aux==0.0.10 timm==1.0.29)
original_annotator_wheel=controlnet-aux==0.0.1
cog_wheels=(cog==0.23.1 replicate==1.0.7)
# The official clients of the Replicate API: the newest of each line. The source distribution of the
# 2.x one has its tests; they lie beside it, in an environment of their own.
replicate_beta=2.0.0b4
replicate_beta_wheels=(
  "replicate[aiohttp]==$replicate_beta" respx pytest pytest-asyncio pytest-xdist dirty-equals
  importlib-metadata rich time-machine
)
replicate_js=replicate@1.4.0
# What drives Debian's chromium, and axe-core to judge the page; Playwright's own browsers are not
# fetched.
browser_wheels=(playwright==1.65.2 axe-playwright-python==0.1.8 greenlet==3.5.6)
# Takes an OpenAPI document at its word; in an environment of its own, for what it asks for.
schemathesis_wheel=schemathesis==4.32.5
# An S3 server that checks signatures; in an environment of its own.
s3_wheel=moto==5.2.5
# Lints one. Runs on Debian's Node.
redocly_package=@redocly/cli@1.34.20

say() { printf 'dream: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# quietly LOG WHAT COMMAND…: one line while it runs, the end of its log if it fails.
quietly() {
  local log=$1 what=$2
  shift 2
  say "$what"
  if ! "$@" >>"$log" 2>&1; then
    tail -n 25 "$log" >&2
    die "failed: $what (full log: $log)"
  fi
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "need root to install packages: run as root, install sudo, or install them yourself: $*"
  fi
}

install_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
      missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  quietly "$log" "updating the package lists" as_root apt-get update
  quietly "$log" "installing ${#missing[@]} Debian packages: ${missing[*]}" \
    as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"
}

# The wheel carries libtorch and its headers. A CPU build is taken where the configured package
# sources offer one; otherwise what they have, after saying how large it is.
install_torch() {
  [ -d "$root/.deps/venv" ] || quietly "$log" "making .deps/venv" python3 -m venv "$root/.deps/venv"
  local pip="$root/.deps/venv/bin/pip" cpu="torch==$torch_version+cpu"
  [[ $("$pip" show torch 2>/dev/null) == *"Version: $torch_version"* ]] && return
  if "$pip" install --dry-run --no-deps -q "$cpu" >>"$log" 2>&1; then
    quietly "$log" "installing libtorch $torch_version (CPU build, about 0.2 GB)" \
      "$pip" install --no-deps "$cpu"
  else
    say "the configured package sources offer no CPU build of torch $torch_version:"
    say "the default build and its CUDA libraries are a download of about 3 GB"
    quietly "$log" "installing libtorch $torch_version" "$pip" install "torch==$torch_version"
  fi
}

install_oracles() {
  local stamp="$root/.deps/oracles.stamp" wanted
  wanted="${oracle_wheels[*]} ${annotator_wheels[*]} $original_annotator_wheel ${cog_wheels[*]}"
  wanted+=" ${browser_wheels[*]}"
  [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
  quietly "$log" "installing the live oracles (diffusers, transformers, …)" \
    "$root/.deps/venv/bin/pip" install "torch==$torch_version" "${oracle_wheels[@]}"
  quietly "$log" "installing the annotators' oracles" \
    "$root/.deps/venv/bin/pip" install --no-deps "${annotator_wheels[@]}"
  quietly "$log" "installing the annotators' older oracle" \
    "$root/.deps/venv/bin/pip" install --no-deps --upgrade \
    --target "$root/.deps/controlnet-aux-0.0.1" "$original_annotator_wheel"
  [ -d "$root/.deps/cog" ] || quietly "$log" "making .deps/cog" python3 -m venv "$root/.deps/cog"
  quietly "$log" "installing the Cog oracle" "$root/.deps/cog/bin/pip" install "${cog_wheels[@]}"
  quietly "$log" "installing what drives a browser" \
    "$root/.deps/venv/bin/pip" install --no-deps "${browser_wheels[@]}"
  quietly "$log" "fetching the full CLIP vocabulary" \
    "$root/.deps/venv/bin/python" "$root/tests/parity/clip_vocabulary.py"
  echo "$wanted" >"$stamp"
}

# install_tool STAMP WANTED WHAT COMMAND…: once for each version.
install_tool() {
  local stamp="$root/.deps/$1.stamp" wanted=$2 what=$3
  shift 3
  [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
  quietly "$log" "installing $what" "$@"
  echo "$wanted" >"$stamp"
}

install_document_tools() {
  [ -d "$root/.deps/schemathesis" ] || python3 -m venv "$root/.deps/schemathesis"
  install_tool schemathesis "$schemathesis_wheel" "schemathesis" \
    "$root/.deps/schemathesis/bin/pip" install "$schemathesis_wheel"
  if ! command -v npm >/dev/null; then install_packages nodejs npm; fi
  install_tool redocly "$redocly_package" "the linter of OpenAPI documents" \
    npm install --prefix "$root/.deps/redocly" --no-save --no-audit --no-fund "$redocly_package"
}

install_s3_server() {
  [ -d "$root/.deps/s3" ] || python3 -m venv "$root/.deps/s3"
  install_tool s3 "$s3_wheel" "an S3 server" "$root/.deps/s3/bin/pip" install \
    "${s3_wheel/==/[server,s3]==}"
}

install_replicate_clients() {
  local beta="$root/.deps/replicate-beta"
  [ -d "$beta" ] || python3 -m venv "$beta"
  install_tool replicate-beta "${replicate_beta_wheels[*]}" "the Python client 2.x and its tests" \
    fetch_replicate_beta "$beta"
  install_tool replicate-js "$replicate_js" "the JavaScript client" \
    npm install --prefix "$root/.deps/replicate-js" --no-save --no-audit --no-fund "$replicate_js"
}

fetch_replicate_beta() {
  local beta=$1
  "$beta/bin/pip" install "${replicate_beta_wheels[@]}" &&
    "$beta/bin/pip" download --no-deps --no-binary replicate -d "$beta/sdist" \
      "replicate==$replicate_beta" &&
    mkdir -p "$beta/suite" &&
    tar -xzf "$beta/sdist/replicate-$replicate_beta.tar.gz" -C "$beta/suite" --strip-components=1 &&
    rm -rf "$beta/suite/src"
}

# setup run|test
setup() {
  log="$root/.deps/setup.log"
  mkdir -p "$root/.deps"
  [ "${DREAM_NO_SETUP:-}" = 1 ] && return
  if command -v dpkg-query >/dev/null; then
    install_packages "${build_packages[@]}"
    if [ "$1" = test ]; then install_packages "${test_packages[@]}"; fi
  else
    say "not a Debian system: expecting the packages of tools/lib/setup.sh to be there"
  fi
  install_torch
  if [ "$1" = test ]; then
    install_oracles
    install_document_tools
    install_s3_server
    install_replicate_clients
  fi
}

# What one checkout has compiled serves another: paths below the root do not count.
export CCACHE_BASEDIR="$root" CCACHE_NOHASHDIR=1

# build PRESET [TARGET…]: configures and builds with a progress line.
build() {
  local preset=$1
  shift
  local out="$root/build/$preset" log="$root/build/$preset.log"
  mkdir -p "$root/build"
  : >"$log"
  if [ ! -f "$out/build.ninja" ]; then
    quietly "$log" "configuring $preset" cmake -S "$root" --preset "$preset"
  fi
  say "building $preset (about ten minutes the first time; log: $log)"
  NINJA_STATUS='[%f/%t] ' ninja -C "$out" "$@" 2>&1 | tee -a "$log" | show_progress
  if [ "${PIPESTATUS[0]}" != 0 ]; then
    tail -n 40 "$log" >&2
    die "the build failed (full log: $log)"
  fi
}

# On a terminal one line that is rewritten, else one line for every tenth of the work.
show_progress() {
  local line tenth=-1 now
  while IFS= read -r line; do
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]] || continue
    now=$((BASH_REMATCH[1] * 10 / BASH_REMATCH[2]))
    if [ -t 2 ]; then printf '\r\033[K  %.100s' "$line" >&2
    elif [ "$now" != "$tenth" ]; then printf '  %s0 %%\n' "$now" >&2
    fi
    tenth=$now
  done
  if [ -t 2 ]; then printf '\r\033[K' >&2; fi
}
