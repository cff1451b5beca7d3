# The two commands of the README, and what they are made of.
# `make demo` builds everything and runs the embedded example; `make test` runs every check.

CARGO ?= cargo

# Where tools that are no part of a build are kept.
TOOLS ?= $(if $(GATECHECK_CACHE),$(GATECHECK_CACHE),$(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/gatecheck)/tools

.PHONY: demo test build mlx fmt lint check faults bench fuzz mutants deny sbom clean

demo: mlx
	$(CARGO) run --release --locked -- demo

test: fmt lint check

build: mlx
	$(CARGO) build --release --locked

# MLX for Linux, built once and kept outside the checkout. Does nothing on macOS.
mlx:
	native/build-mlx-linux.sh

fmt:
	$(CARGO) fmt --all --check

lint: mlx
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings

# MLX is not thread-safe, hence one test at a time.
check: mlx
	$(CARGO) test --release --locked --workspace -- --test-threads=1

# What is too slow for every change: kills at random moments, races of whole runs, damaged input.
faults: mlx
	$(CARGO) test --release --locked --workspace -- --test-threads=1 --ignored

bench: mlx
	$(CARGO) bench --locked

# Every fuzz target, for so many seconds each. Needs a nightly Rust.
FUZZ_SECONDS ?= 600
fuzz: $(TOOLS)/bin/cargo-fuzz mlx
	PATH="$(TOOLS)/bin:$$PATH" fuzz/run.sh $(FUZZ_SECONDS)

# Small changes of the code, one at a time: does a test notice? Hours.
mutants: $(TOOLS)/bin/cargo-mutants mlx
	PATH="$(TOOLS)/bin:$$PATH" scripts/mutants.sh target/mutants

# Licences, sources and banned crates of the dependencies, by deny.toml.
deny: $(TOOLS)/bin/cargo-deny
	$(TOOLS)/bin/cargo-deny --locked --all-features check licenses bans sources

# What is in the binary, as CycloneDX.
sbom: $(TOOLS)/bin/cargo-cyclonedx
	$(TOOLS)/bin/cargo-cyclonedx cyclonedx --format json --override-filename gatecheck.cdx
	mkdir -p target && mv gatecheck.cdx.json target/
	rm crates/*/gatecheck.cdx.json

$(TOOLS)/bin/%:
	$(CARGO) install --quiet --locked --root $(TOOLS) $*

clean:
	$(CARGO) clean
