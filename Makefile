# The two commands of the README, and what they are made of.
# `make demo` builds everything and runs the embedded example; `make test` runs every check.

CARGO ?= cargo

.PHONY: demo test build mlx fmt lint check faults bench clean

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

# What is too slow for every change: kills at random moments, races of whole runs.
faults: mlx
	$(CARGO) test --release --locked --workspace -- --test-threads=1 --ignored

bench: mlx
	$(CARGO) bench --locked

clean:
	$(CARGO) clean
