# Read by the builds of MLX and mlx-c (CMAKE_PROJECT_INCLUDE), to make them shorter
# without touching their sources: together they are half of a first `make demo`.

# The standard headers that nearly every file of MLX reads, and its own widest one,
# read once. mlx-c is a wrapper per function: there the headers are all the work.
set(mlx_headers
    <algorithm> <atomic> <cmath> <condition_variable> <cstdint> <cstring> <fstream> <functional>
    <future> <iostream> <limits> <map> <memory> <mutex> <numeric> <optional> <set> <sstream>
    <stdexcept> <string> <thread> <tuple> <unordered_map> <unordered_set> <variant> <vector>
    "${PROJECT_SOURCE_DIR}/mlx/array.h")
set(mlxc_headers "${CMAKE_CURRENT_LIST_DIR}/compat/std_format.h" "${PROJECT_SOURCE_DIR}/mlx/c/private/mlx.h")

# No forward pass comes through these: exporting graphs, factorising matrices, drawing
# random numbers, sorting, convolving, talking to other machines. -O1 instead of -O3
# halves the time that they take.
set(mlx_cold
    einsum.cpp export.cpp fft.cpp linalg.cpp random.cpp
    backend/common/metal_kernel.cpp
    backend/cpu/cholesky.cpp backend/cpu/conv.cpp backend/cpu/distributed.cpp backend/cpu/eig.cpp
    backend/cpu/eigh.cpp backend/cpu/fft.cpp backend/cpu/hadamard.cpp backend/cpu/indexing.cpp
    backend/cpu/inverse.cpp backend/cpu/luf.cpp backend/cpu/masked_mm.cpp backend/cpu/qrf.cpp
    backend/cpu/scan.cpp backend/cpu/sort.cpp backend/cpu/svd.cpp
    distributed/ring/ring.cpp distributed/mpi/mpi.cpp)

function(shorten_build)
  if(TARGET mlxc)
    target_precompile_headers(mlxc PRIVATE ${mlxc_headers})
  else()
    target_precompile_headers(mlx PRIVATE ${mlx_headers})
    list(TRANSFORM mlx_cold PREPEND "${PROJECT_SOURCE_DIR}/mlx/")
    set_property(SOURCE ${mlx_cold} TARGET_DIRECTORY mlx APPEND PROPERTY COMPILE_OPTIONS -O1)
  endif()
endfunction()

# At the end of the project's own file, where its targets are known.
cmake_language(DEFER CALL shorten_build)
