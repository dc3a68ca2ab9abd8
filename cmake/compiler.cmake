# Flags that hold for every target.

find_program(MG_CCACHE ccache)
if(MG_CCACHE)
  # Relative paths let build folders of one checkout share compiled objects. Not
  # those of two: a precompiled header of another one does not fit this one.
  set(launcher ${CMAKE_COMMAND} -E env
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_NAMESPACE=${PROJECT_SOURCE_DIR}
      CCACHE_SLOPPINESS=pch_defines,time_macros ${MG_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# One level for all objects of the binary: the linker merges inline functions
# of objects, so mixed levels would crash older machines. oneDNN dispatches
# AVX-512 by itself. The loader refuses the binary on an older machine.
add_compile_options(-march=${MG_ARCH})
if(MG_ARCH MATCHES "^x86-64-v[234]$" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_link_options(-Wl,-z,${MG_ARCH})
endif()

# 30 KB of relocations in place of 800, all of which are read at the start.
add_link_options(-Wl,-z,pack-relative-relocs)

# a*b+c stays two roundings, as TensorFlow's random streams need it.
add_compile_options(-ffp-contract=off -fno-math-errno -fno-omit-frame-pointer)
add_compile_definitions(EIGEN_MPL2_ONLY)

if(MG_SANITIZE)
  add_compile_options(-fsanitize=${MG_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MG_SANITIZE})
  # Where protobuf's headers see this macro their classes have other members
  # than in Debian's library, which is built without it.
  if(MG_SANITIZE MATCHES "thread")
    add_compile_options(-U__SANITIZE_THREAD__)
  endif()
endif()

set(MG_WARNINGS -Wall -Wextra -Wshadow -Wno-unused-parameter -Werror)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  list(APPEND MG_WARNINGS -Wthread-safety)
else()
  # False alarms in absl::InlinedVector, which copies its inline storage whole.
  list(APPEND MG_WARNINGS -Wno-maybe-uninitialized)
endif()

# Headers of gRPC, CLI11 and GoogleTest cost seconds per file, far more than our
# lines below them: the files of such a target are compiled a few at a time.
# The clang preset compiles each alone, so that none leans on its neighbours.
option(MG_UNITY "Compile files of some targets a few at a time" ON)
function(compile_together target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${MG_UNITY}
                        UNITY_BUILD_BATCH_SIZE 6)
endfunction()
