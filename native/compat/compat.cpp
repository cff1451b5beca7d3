// What mlx-rs calls and mlx-c does not define on Linux. Linked into libmlxc.a.

#include <time.h>

#include <cstdint>
#include <exception>

#include "mlx/c/array.h"
#include "mlx/c/error.h"
#include "mlx/c/private/array.h"

// mlx-c declares these four only where C has 16-bit float types, as on aarch64.
// Elsewhere they pass the 16-bit words unchanged, as the Rust bindings expect.
#ifndef HAS_FLOAT16

static_assert(sizeof(mlx::core::float16_t) == sizeof(uint16_t));
static_assert(sizeof(mlx::core::bfloat16_t) == sizeof(uint16_t));

template <typename Half>
static int item_bits(uint16_t* result, mlx_array array) {
  try {
    Half value = mlx_array_get_(array).item<Half>();
    __builtin_memcpy(result, &value, sizeof value);
    return 0;
  } catch (std::exception& error) {
    mlx_error(error.what());
    return 1;
  }
}

template <typename Half>
static const uint16_t* data_bits(mlx_array array) {
  try {
    return reinterpret_cast<const uint16_t*>(mlx_array_get_(array).data<Half>());
  } catch (std::exception& error) {
    mlx_error(error.what());
    return nullptr;
  }
}

extern "C" int mlx_array_item_float16(uint16_t* result, mlx_array array) {
  return item_bits<mlx::core::float16_t>(result, array);
}

extern "C" int mlx_array_item_bfloat16(uint16_t* result, mlx_array array) {
  return item_bits<mlx::core::bfloat16_t>(result, array);
}

extern "C" const uint16_t* mlx_array_data_float16(mlx_array array) {
  return data_bits<mlx::core::float16_t>(array);
}

extern "C" const uint16_t* mlx_array_data_bfloat16(mlx_array array) {
  return data_bits<mlx::core::bfloat16_t>(array);
}

#endif

// A clock of macOS, from which mlx-rs takes its first random seed.
extern "C" uint64_t mach_approximate_time(void) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return uint64_t(now.tv_sec) * 1'000'000'000u + uint64_t(now.tv_nsec);
}
