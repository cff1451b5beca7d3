// Forced into every C++ file of the build: mlx-c uses `std::format` without
// including <format>, and GCC before 13 has no such header.

#pragma once

#if defined(__cplusplus) && __has_include(<format>)
#include <format>
#elif defined(__cplusplus)
#ifndef FMT_HEADER_ONLY
#define FMT_HEADER_ONLY
#endif
#include <fmt/format.h>

namespace std {
using fmt::format;
}
#endif
