#!/usr/bin/env bash
#
# Builds MLX and mlx-c for this Linux machine, into a cache outside the checkout, and
# tells Cargo where they are. Run it before the first build, and again whenever you
# like: when nothing changed, it only looks. README.md beside it says more.

# shellcheck disable=SC2329 # Functions reached through `step` and `trap`.

set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C

readonly mlx_version=0.32.2
# What MLX's own CMakeLists.txt asks for.
readonly cmake_minimum=3.25
# For people who have to install the packages by hand.
readonly apt_line="apt-get update && apt-get install g++ make cmake libopenblas-dev liblapacke-dev \
nlohmann-json3-dev libfmt-dev"

native=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
checkout=$(dirname -- "$native")
readonly native checkout
readonly override=$checkout/target/mlx-linux.toml
readonly march=${GATECHECK_MARCH:-native}

stage=
child=

usage() {
  cat <<'EOF'
Usage: native/build-mlx-linux.sh [--force | --prefix-only | --bindings]

Builds MLX for this machine unless the cache already has it, and writes
target/mlx-linux.toml, which .cargo/config.toml includes.

  --force        build again even if the cache has it
  --prefix-only  print the folder in the cache, built or not, and stop
  --bindings     write native/bindings.rs anew, after a change of version, and stop
  --help         print this text

GATECHECK_MARCH              the CPU that is built for, as GCC names it (default: native, the one at hand)
GATECHECK_CACHE              the cache (default: ${XDG_CACHE_HOME:-~/.cache}/gatecheck)
CMAKE                        the cmake to use (default: cmake)
CMAKE_BUILD_PARALLEL_LEVEL   the number of compilers at once
EOF
}

say() {
  printf 'mlx: %s\n' "$*" >&2
}

die() {
  printf 'mlx: error: %s\n' "$1" >&2
  shift
  if (($# > 0)); then
    printf 'hint: %s\n' "$@" >&2
  fi
  exit 1
}

main() {
  local force=false prefix_only=false bindings=false argument
  for argument in "$@"; do
    case $argument in
      --force) force=true ;;
      --prefix-only) prefix_only=true ;;
      --bindings) bindings=true ;;
      --help | -h)
        usage
        return
        ;;
      *)
        usage >&2
        die "unexpected argument \`$argument\`"
        ;;
    esac
  done

  if [[ $(uname -s) == Darwin ]]; then
    $prefix_only || check_macos
    return
  fi
  [[ $(uname -s) == Linux ]] || die "this script knows only Linux, not $(uname -s)"
  case $(uname -m) in
    x86_64) triple=x86_64-unknown-linux-gnu ;;
    aarch64) triple=aarch64-unknown-linux-gnu ;;
    *) die "MLX is built for x86_64 and aarch64, not for $(uname -m)" ;;
  esac

  if ! $prefix_only; then
    need_packages to-link
  fi
  command -v g++ >/dev/null || die "g++ is missing" "run this script without --prefix-only to install it"
  locate_prefix
  if $prefix_only; then
    printf '%s\n' "$prefix"
    return
  fi

  if $bindings; then
    need_packages to-bind
    lock_cache
    write_bindings
    return
  fi
  if ! $force && is_intact "$prefix"; then
    write_override
    say "MLX $mlx_version is up to date in $prefix"
    return
  fi

  need_packages to-build
  lock_cache
  # The other build may have been this one.
  if $force || ! is_intact "$prefix"; then
    build
  fi
  write_override
  say "MLX $mlx_version is ready in $prefix"
}

# ---- macOS -----------------------------------------------------------------------

# There mlx-rs builds MLX itself, with Metal and Accelerate, in the middle of Cargo's
# build. What that needs is looked for now, since its own complaint comes after
# minutes and names neither tool.
check_macos() {
  local cmake=${CMAKE:-cmake}
  command -v "$cmake" >/dev/null ||
    die "CMake is missing; mlx-rs builds MLX from source with it" "\`brew install cmake\`"
  check_cmake
  command -v xcrun >/dev/null ||
    die "Apple's developer tools are missing" "install Xcode from the App Store, then \`sudo xcodebuild -license accept\`"
  xcrun --sdk macosx --find metal >/dev/null 2>&1 ||
    die "the Metal compiler is missing; the command line tools alone do not have it" \
      "install Xcode from the App Store, then \`sudo xcode-select --switch /Applications/Xcode.app\`"
  # From Xcode 26 on the compiler is found as a stub before its toolchain is there.
  xcrun --sdk macosx metal --version >/dev/null 2>&1 ||
    die "the Metal toolchain is missing" "\`xcodebuild -downloadComponent MetalToolchain\`"
  say "nothing to build here on macOS: mlx-rs builds MLX itself, with Metal and Accelerate"
}

# ---- Debian packages -------------------------------------------------------------

# Installs what is missing of the packages that linking against MLX needs ("to-link"),
# building it ("to-build") or writing its bindings ("to-bind"). A tool counts as present
# if it can be run, wherever it came from; the libraries must be packages.
need_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "not a Debian or Ubuntu system: not checking that packages are installed"
    return
  fi
  local installed missing=() package
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' \
    libopenblas-dev liblapacke-dev nlohmann-json3-dev libfmt-dev 'libclang-*-dev' 2>/dev/null || true)

  if [[ $1 == to-link ]]; then
    command -v g++ >/dev/null || missing+=(g++)
    has_line "$installed" 'installed libopenblas-dev' || missing+=(libopenblas-dev)
  elif [[ $1 == to-build ]]; then
    command -v "${CMAKE:-cmake}" >/dev/null || missing+=(cmake)
    command -v make >/dev/null || missing+=(make)
    for package in liblapacke-dev nlohmann-json3-dev libfmt-dev; do
      has_line "$installed" "installed $package" || missing+=("$package")
    done
  # Any version of libclang will do for bindgen.
  elif [[ -z ${LIBCLANG_PATH:-} && ! $installed =~ (^|$'\n')'installed libclang-'[0-9.]+'-dev' ]]; then
    missing+=(libclang-dev)
  fi
  if ((${#missing[@]} > 0)); then
    install_packages "${missing[@]}"
  fi
}

has_line() {
  [[ $'\n'$1$'\n' == *$'\n'"$2"$'\n'* ]]
}

install_packages() {
  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      die "packages are missing: $*" "as root, run \`$apt_line\`"
    as_root=(sudo)
  fi
  # Lists that are absent or old name package files that the mirrors no longer have.
  if [[ -z $(find /var/lib/apt/lists -name '*_Packages*' -mtime -7 -print -quit 2>/dev/null) ]]; then
    say "updating the package lists"
    "${as_root[@]}" apt-get -qq update >/dev/null || die "\`apt-get update\` failed"
  fi
  say "installing $*"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
    install -y --no-install-recommends "$@" >/dev/null ||
    die "the packages could not be installed" "as root, run \`$apt_line\`"
}

# ---- The cache -------------------------------------------------------------------

# Sets `cache` and `prefix`. The name of the prefix stands for everything that can
# change what is built: the pinned sources, our own files, the functions below that
# build, the compiler, the CPU's features as the compiler sees them, and OpenBLAS.
locate_prefix() {
  local base=${GATECHECK_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/gatecheck} key
  [[ $base == /* ]] || base=$PWD/$base
  case $base in
    *['"'\\\$\`$'\n']*) die "the path of the cache has a character that CMake or Cargo would misread: $base" ;;
  esac
  cache=$base/mlx
  key=$({
    echo "$mlx_version $triple"
    cat "$native"/sources/Cargo.{toml,lock} \
      "$native/bindings.rs" "$native/build-time.cmake" "$native"/compat/*
    declare -f set_flags fetch_sources build_mlx build_mlx_c build_compat
    g++ --version
    g++ "-march=$march" -Q --help=target
    dpkg-query -W -f='${Version}\n' libopenblas-dev 2>/dev/null || true
  } | sha256sum)
  prefix=$cache/$mlx_version-${key:0:16}
}

lock_cache() {
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  if ! flock --nonblock 9; then
    say "waiting for another build to finish"
    flock 9
  fi
}

# One line per file, with its size, below a line that sums up their content.
list_files() {
  (cd -- "$1" && find . -type f ! -name stamp -printf '%s %P\n' | sort -k 2)
}

# What stands for the bytes of a prefix.
checksum_of() {
  (cd -- "$1" && cat lib/libmlx.a lib/libmlxc.a bindings/bindings.rs) 2>/dev/null | sha256sum | cut -c 1-16
}

# Whether a prefix has all its files, at their sizes and with their content. The stamp is the last file to be
# written, and the prefix gets its name after that.
is_intact() {
  [[ -f $1/stamp ]] && [[ $(tail -n +2 -- "$1/stamp") == "$(list_files "$1")" ]] &&
    [[ $(head -n 1 -- "$1/stamp") == "content $(checksum_of "$1")" ]]
}

write_stamp() {
  {
    printf 'content %s\n' "$(checksum_of "$1")"
    list_files "$1"
  } >"$1.stamp"
  mv -- "$1.stamp" "$1/stamp"
}

# ---- Building --------------------------------------------------------------------

# Makes the folder in which a build grows, removed however the script ends.
open_stage() {
  command -v cargo >/dev/null || die "cargo is missing" "install Rust: https://rustup.rs"
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  # What an interrupted build left; we hold the lock, so nobody is using it.
  rm -rf -- "$cache"/*.building.*
  log=$prefix.log
  : >"$log"
  stage=$(mktemp -d "$prefix.building.XXXXXX")
}

build() {
  check_cmake
  open_stage
  local jobs
  jobs=$(count_jobs)
  say "building MLX $mlx_version for this CPU: some minutes, $jobs compilers at once"
  say "the log is $log"
  set_flags
  step "fetching the sources" fetch_sources
  check_bindings
  step "compiling MLX" build_mlx "$jobs"
  step "compiling mlx-c" build_mlx_c "$jobs"
  step "compiling what mlx-c lacks" build_compat

  local result=$stage/result
  mkdir -p "$result/lib" "$result/bindings"
  mv -- "$stage/install/lib/libmlx.a" "$stage/install/lib/libmlxc.a" "$result/lib/"
  cp -- "$native/bindings.rs" "$result/bindings/"
  write_stamp "$result"
  if [[ -e $prefix ]]; then
    mv -- "$prefix" "$stage/old"
  fi
  mv -- "$result" "$prefix"
  rm -rf -- "$stage"
  stage=
}

clean_up() {
  if [[ -n $child ]]; then
    kill -- "-$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  fi
  if [[ -n $stage ]]; then
    rm -rf -- "$stage"
  fi
}

check_cmake() {
  local found
  found=$("${CMAKE:-cmake}" --version | sed -n '1s/^cmake version //p')
  printf '%s\n' "$cmake_minimum" "$found" | sort --check=quiet --version-sort ||
    die "MLX needs CMake $cmake_minimum or newer, and this is $found" \
      "\`pip install 'cmake>=$cmake_minimum'\` has a newer one; put it first in PATH, or name it in CMAKE"
}

# As many compilers as there are CPUs, and 1.5 GB of free memory for each.
count_jobs() {
  local cpus by_memory
  if [[ -n ${CMAKE_BUILD_PARALLEL_LEVEL:-} ]]; then
    echo "$CMAKE_BUILD_PARALLEL_LEVEL"
    return
  fi
  cpus=$(nproc)
  by_memory=$(awk '/^MemAvailable:/ { print int($2 / 1500000) }' /proc/meminfo)
  ((by_memory >= 1)) || by_memory=1
  echo $((cpus < by_memory ? cpus : by_memory))
}

step() {
  say "$1"
  shift
  "$@"
}

# Runs a command with its output in the log. It runs in the background, because Bash
# acts on a signal while it waits, but not while a command is in the foreground; as a
# process group (`set -m`), so that its compilers can be stopped with it; and without
# the lock, which must not outlive this script.
run() {
  printf '\n$ %s\n' "$*" >>"$log"
  set -m
  "$@" >>"$log" 2>&1 </dev/null 9>&- &
  child=$!
  set +m
  if ! wait "$child"; then
    child=
    tail -n 20 -- "$log" >&2
    die "\`$1\` failed" "the whole log is $log"
  fi
  child=
}

set_flags() {
  mlx_sys=$stage/sources/vendor/mlx-sys-0.7.0
  mlx_source=$stage/sources/vendor/mlxrs-sys-0.2.0/vendor/mlx
  mlx_c_source=$mlx_sys/src/mlx-c
  # The two -fno- flags let GCC vectorise loops over mathematical functions: NaN, infinities and
  # rounding stay as they are, only `errno` and FPU traps are given up. The inline limit lets it
  # see into these loops' bodies (7 % less CPU time on a BERT forward pass).
  cxx_flags="-march=$march -fno-math-errno -fno-trapping-math -finline-limit=500"
  cxx_flags+=" \"-ffile-prefix-map=$stage=.\""
  cmake_flags=(
    -G "Unix Makefiles"
    -DCMAKE_BUILD_TYPE=Release
    -DCMAKE_C_COMPILER=gcc
    -DCMAKE_CXX_COMPILER=g++
    "-DCMAKE_CXX_FLAGS=$cxx_flags"
    "-DCMAKE_CXX_FLAGS_RELEASE=-O3 -DNDEBUG"
    "-DCMAKE_INSTALL_PREFIX=$stage/install"
    -DCMAKE_INSTALL_LIBDIR=lib
    -DBUILD_SHARED_LIBS=OFF
    "-DCMAKE_PROJECT_INCLUDE=$stage/build-time.cmake"
  )
}

# Downloads the pinned crates, which Cargo checks against Cargo.lock. Cargo runs in the
# checkout for the toolchain chosen there, and touches nothing in it.
fetch_sources() {
  cp -r -- "$native/compat" "$native/build-time.cmake" "$stage/"
  mkdir -p "$stage/sources"
  cp -- "$native"/sources/{Cargo.toml,Cargo.lock,bindings.rs} "$stage/sources/"
  cd -- "$checkout"
  run cargo vendor --locked --versioned-dirs \
    --manifest-path "$stage/sources/Cargo.toml" "$stage/sources/vendor"
  grep -q "GIT_TAG v$mlx_version)" "$mlx_c_source/CMakeLists.txt" ||
    die "mlx-c does not ask for MLX $mlx_version" "native/README.md says how to change versions"
  local part
  for part in MAJOR MINOR PATCH; do
    sed -n "s/^#define MLX_VERSION_$part \([0-9]*\)$/\1/p" "$mlx_source/mlx/version.h"
  done | paste -s -d . | grep -qxF "$mlx_version" ||
    die "the sources are not those of MLX $mlx_version" "native/README.md says how to change versions"
}

build_mlx() {
  mkdir -p "$stage/json/single_include"
  ln -s /usr/include/nlohmann "$stage/json/single_include/nlohmann"
  run "${CMAKE:-cmake}" -S "$mlx_source" -B "$stage/mlx" "${cmake_flags[@]}" \
    -DMLX_BUILD_METAL=OFF -DMLX_BUILD_GGUF=OFF -DMLX_BUILD_PYTHON_BINDINGS=OFF \
    -DMLX_BUILD_TESTS=OFF -DMLX_BUILD_EXAMPLES=OFF -DMLX_BUILD_BENCHMARKS=OFF \
    -DMLX_USE_CCACHE=OFF -DUSE_SYSTEM_FMT=ON -DBLA_VENDOR=OpenBLAS \
    -DFETCHCONTENT_FULLY_DISCONNECTED=ON "-DFETCHCONTENT_SOURCE_DIR_JSON=$stage/json"
  run "${CMAKE:-cmake}" --build "$stage/mlx" --parallel "$1"
  run "${CMAKE:-cmake}" --install "$stage/mlx"
}

build_mlx_c() {
  run "${CMAKE:-cmake}" -S "$mlx_c_source" -B "$stage/mlx-c" "${cmake_flags[@]}" \
    -DMLX_C_USE_SYSTEM_MLX=ON "-DMLX_DIR=$stage/install/share/cmake/MLX" -DMLX_C_BUILD_EXAMPLES=OFF
  run "${CMAKE:-cmake}" --build "$stage/mlx-c" --parallel "$1"
  run "${CMAKE:-cmake}" --install "$stage/mlx-c"
}

# Adds our own object to libmlxc.a.
build_compat() {
  run g++ -std=c++20 -O2 -fPIC "-march=$march" -DMLX_STATIC "-ffile-prefix-map=$stage=." \
    -isystem "$mlx_c_source" -isystem "$stage/install/include" -include "$stage/compat/std_format.h" \
    -Wall -c "$stage/compat/compat.cpp" -o "$stage/compat.o"
  run ar rs "$stage/install/lib/libmlxc.a" "$stage/compat.o"
}

# ---- Bindings --------------------------------------------------------------------

# The headers that the bindings were written from.
headers_checksum() {
  (cd -- "$mlx_c_source/mlx/c" && sha256sum -- *.h | sha256sum | cut -d ' ' -f 1)
}

check_bindings() {
  [[ $(sed -n '1s/^.*SHA-256 //p' "$native/bindings.rs") == "$(headers_checksum)" ]] ||
    die "native/bindings.rs is not of these headers of mlx-c" "\`native/build-mlx-linux.sh --bindings\` writes it anew"
}

# bindgen needs libclang, a large package, and half a minute, for what the pinned headers decide
# alone: so the result is kept in the checkout.
write_bindings() {
  open_stage
  set_flags
  step "fetching the sources" fetch_sources
  cd -- "$checkout"
  run env "MLX_SYS_DIR=$mlx_sys" cargo run --quiet --release --locked --offline \
    --manifest-path "$stage/sources/Cargo.toml" --target-dir "$stage/bindings-target" \
    --config 'source.crates-io.replace-with="vendored"' \
    --config "source.vendored.directory=\"$stage/sources/vendor\"" \
    -- "$mlx_c_source" "$stage/bindings.rs"
  {
    echo "// By native/build-mlx-linux.sh --bindings. The headers of mlx-c: SHA-256 $(headers_checksum)"
    cat -- "$stage/bindings.rs"
  } >"$stage/with-checksum.rs"
  mv -- "$stage/with-checksum.rs" "$native/bindings.rs"
  say "wrote native/bindings.rs"
}

# ---- Cargo -----------------------------------------------------------------------

# Tells Cargo to use the prefix in place of the build script of mlx-sys. Any difference
# in the table makes Cargo build mlx-sys again, which bundles the libraries; the
# checksum makes sure that there is a difference when only their content changed.
write_override() {
  local content text
  read -r _ content <"$prefix/stamp"
  text="# Written by native/build-mlx-linux.sh.
[target.$triple.mlx]
rustc-link-search = [\"native=$prefix/lib\"]
rustc-link-lib = [\"static=mlxc\", \"static=mlx\", \"dylib=openblas\", \"dylib=stdc++\"]
rustc-env = { OUT_DIR = \"$prefix/bindings\" }
content = \"$content\""
  if [[ -f $override && $(<"$override") == "$text" ]]; then
    return
  fi
  mkdir -p "$(dirname -- "$override")"
  printf '%s\n' "$text" >"$override.$$"
  mv -f -- "$override.$$" "$override"
  say "wrote ${override#"$checkout/"}"
}

# On one line, so that Bash has read the script to its end before anything runs.
main "$@"; exit
